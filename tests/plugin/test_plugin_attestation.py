"""Signed reports: a session signs what it wrote, and a key that cannot sign ends it before anything starts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from plugin_project import Project, lines_of, scenario

from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.cli.main import main
from tests.support.signing_keys import KEYS, write_keys

GATE = "--flink-gate"


def git(project: Project, *words: str) -> None:
    author = {
        "GIT_AUTHOR_NAME": "a",
        "GIT_AUTHOR_EMAIL": "a@b",
        "GIT_COMMITTER_NAME": "a",
        "GIT_COMMITTER_EMAIL": "a@b",
    }
    subprocess.run(["git", *words], cwd=project.path, env={**clean_environment(), **author}, check=True, timeout=20)


def test_a_fresh_clone_verifies_a_signed_report(project: Project, tmp_path: Path):
    private, public = write_keys(tmp_path, KEYS["ed25519"]())
    project.scenarios("x", scenario("right"))
    git(project, "init", "-q")
    git(project, "add", "shop.py", "x.scenario.yaml", "pytest.ini")
    git(project, "commit", "-q", "-m", "x")
    result = project.run(GATE, f"--flink-sign-key={private}")
    assert result.ret == 10, "the local tier alone shows nothing about Flink"
    clone = tmp_path / "clone"
    git(project, "clone", "-q", str(project.path), str(clone))
    verify = ["verify", str(project.report), f"--key={public}", f"--project={clone}"]
    assert main(verify) == 0
    written = [path.read_bytes() for path in project.report.resolve().rglob("*") if path.is_file()]
    secret = private.read_text(encoding="utf-8").splitlines()[1]
    assert secret not in lines_of(result)
    assert [data for data in written if secret.encode() in data] == []
    assert "signed by" not in lines_of(project.run(GATE)), "this session has no key"
    verify[1] = str(project.report)
    assert main(verify) == 1
    assert main(["attest", str(project.report), f"--key={private}", f"--project={clone}"]) == 0
    assert main(verify) == 0
    (clone / "shop.py").write_bytes((clone / "shop.py").read_bytes() + b"\n")
    assert main(verify) == 1


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["alone", "xdist"])
def test_a_key_that_cannot_sign_ends_the_session_at_once(project: Project, options: tuple[str, ...], tmp_path: Path):
    private, _ = write_keys(tmp_path, KEYS["P-256"]())
    private.chmod(0o644)
    project.scenarios("x", scenario("right"))
    result = project.run(GATE, f"--flink-sign-key={private}", *options)
    assert result.ret == 10
    text = lines_of(result)
    assert "FA431: other users may use the key" in text
    assert "chmod 600" in text
    assert not project.report.exists()
    secret = private.read_text(encoding="utf-8")
    result = project.run(GATE, f"--flink-sign-key={secret}")
    assert (result.ret, "FA431: the key itself is given" in lines_of(result)) == (4, True)
    assert secret.splitlines()[1] not in lines_of(result)
