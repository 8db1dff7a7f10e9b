"""``attest`` signs a stored report that is as its session wrote it, and no other."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_flink_agents.attestation import ATTESTATION_FILE, read_signer, write_attestation
from pytest_flink_agents.attestation import attest as attest_module
from pytest_flink_agents.attestation.envelope import file_of
from pytest_flink_agents.attestation.files import covered_files
from pytest_flink_agents.attestation.statement import statement_of
from pytest_flink_agents.cli.main import main
from pytest_flink_agents.identity import GitState, Identity
from tests.support.signing_keys import KEYS, write_keys
from tests.unit.attestation.conftest import FILES

Keys = tuple[Path, Path]


def attest(folder: Path, key: Path, project: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Return the exit code, and the places that are refused."""
    capsys.readouterr()
    code = main(["attest", str(folder), f"--key={key}", f"--project={project}", "--json"])
    answer = json.loads(capsys.readouterr().out)
    assert answer["answer"] == {0: "attested", 1: "refused", 10: "cannot tell"}[code]
    return code, [problem["where"] for problem in (*answer["refusals"], *answer["doubts"])]


def test_what_is_attested_outside_of_its_session_is_verified(
    attested: Callable[..., Path], keys: Keys, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = attested()
    verify = ["verify", str(folder), f"--key={keys[1]}", f"--project={project}"]
    assert main(verify) == 1, "not signed yet"
    statement = json.loads((folder / ATTESTATION_FILE).read_bytes())
    assert attest(folder, keys[0], project, capsys) == (0, [])
    signed = (folder / ATTESTATION_FILE).read_bytes()
    assert json.loads(base64.b64decode(json.loads(signed)["payload"])) == statement
    assert main(verify) == 0
    # Again: nothing changes.
    assert attest(folder, keys[0], project, capsys) == (0, [])
    assert (folder / ATTESTATION_FILE).read_bytes() == signed
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == [".flink-agents-run"]


def test_an_altered_byte_anywhere_is_refused_and_named_each_time(
    attested: Callable[..., Path], keys: Keys, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = attested()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.stat().st_size]
    files = [path for path in files if "running" not in path.relative_to(folder).parts]
    chance = random.Random(20261130)
    for number in range(100):
        path = files[number % len(files)]
        before, statement = path.read_bytes(), (folder / ATTESTATION_FILE).read_bytes()
        place = chance.randrange(len(before))
        altered = before[:place] + bytes([before[place] ^ chance.randrange(1, 256)]) + before[place + 1 :]
        path.write_bytes(altered)
        code, places = attest(folder, keys[0], project, capsys)
        assert code != 0, (path.name, place)
        if path.name != ATTESTATION_FILE:
            assert (code, places) == (1, [path.relative_to(folder).as_posix()])
            assert (folder / ATTESTATION_FILE).read_bytes() == statement
        else:
            assert path.read_bytes() == altered
        path.write_bytes(before)
    assert attest(folder, keys[0], project, capsys) == (0, [])


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_the_project_that_is_not_the_tested_one_is_refused_and_named(
    name: str, attested: Callable[..., Path], keys: Keys, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = attested()
    file = project / name
    file.write_bytes(file.read_bytes()[:-1] + b" ")
    assert attest(folder, keys[0], project, capsys) == (1, [str(file)])
    file.unlink()
    assert attest(folder, keys[0], project, capsys) == (1, [str(file)])


def test_a_verdict_on_other_files_is_refused_although_its_statement_was_made_again(
    attested: Callable[..., Path], keys: Keys, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = attested()
    verdict = folder / "verdict.json"
    text = verdict.read_text(encoding="utf-8")
    verdict.write_text(text.replace('"2.2.1 package pandas-2.2.3"', '"2.2.1 package pandas-2.2.4"'), encoding="utf-8")
    write_attestation(folder, None)
    assert attest(folder, keys[0], project, capsys) == (1, ["verdict.json: identity_digest"])
    verdict.write_text(text.replace('"scenarios_digest": "sha256:', '"scenarios_digest": "sha256:0'), encoding="utf-8")
    write_attestation(folder, None)
    assert attest(folder, keys[0], project, capsys) == (1, ["verdict.json: scenarios_digest"])


def test_a_report_that_names_no_file_of_the_project_and_no_commit_is_not_signed(
    attested: Callable[..., Path],
    keys: Keys,
    project: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing in it differs from the project then, and a signature would say so."""
    folder = attested()
    file = folder / "verdict.json"
    verdict = json.loads(file.read_text(encoding="utf-8"))
    verdict |= {group: [] for group in ("subjects", "scenarios", "configurations", "policies", "parts")}
    verdict["git"]["commit"] = ""
    verdict["identity_digest"] = Identity().digest(verdict["policy_digest"], "")
    verdict["scenarios_digest"] = Identity().digest()
    file.write_text(json.dumps(verdict), encoding="utf-8")
    statement = folder / ATTESTATION_FILE
    statement.write_bytes(file_of(statement_of(folder, covered_files(folder)), None))
    before = statement.read_bytes()
    assert attest(folder, keys[0], project, capsys) == (10, ["verdict.json"])
    monkeypatch.setattr(attest_module, "git_state", lambda _: GitState("6f2c" * 10))
    assert attest(folder, keys[0], project, capsys) == (10, ["verdict.json", "verdict.json: git.commit"])
    assert statement.read_bytes() == before


def test_a_report_that_another_key_signed_keeps_its_signature(
    attested: Callable[..., Path], keys: Keys, project: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write_keys(tmp_path, KEYS["ed25519"](), "other")[0]
    folder = attested(read_signer(str(other), Path(), {}))
    before = (folder / ATTESTATION_FILE).read_bytes()
    assert attest(folder, keys[0], project, capsys) == (1, [ATTESTATION_FILE])
    assert (folder / ATTESTATION_FILE).read_bytes() == before


def test_a_session_that_has_not_ended_is_not_signed(
    attested: Callable[..., Path], keys: Keys, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = attested()
    (folder / ATTESTATION_FILE).unlink()
    assert attest(folder, keys[0], project, capsys) == (10, [str((folder / ATTESTATION_FILE).resolve())])
    assert not (folder / ATTESTATION_FILE).exists()


def test_a_link_in_the_folder_is_not_written_through(
    attested: Callable[..., Path], keys: Keys, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = attested()
    (folder / f".{ATTESTATION_FILE}").symlink_to(project / "shop.py")
    assert attest(folder, keys[0], project, capsys) == (1, [f".{ATTESTATION_FILE}"])
    assert (project / "shop.py").read_text(encoding="utf-8") == FILES["shop.py"]


def test_a_key_that_cannot_sign_changes_nothing_and_is_not_shown(
    attested: Callable[..., Path], keys: Keys, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = attested()
    before = (folder / ATTESTATION_FILE).read_bytes()
    secret = keys[0].read_text(encoding="utf-8")
    keys[0].chmod(0o644)
    for key, said in ((str(keys[0]), "chmod 600"), (secret, "the key itself is given"), ("env:NO_KEY", "is not set")):
        assert main(["attest", str(folder), f"--key={key}", f"--project={project}"]) == 2
        shown = "".join(capsys.readouterr())
        assert "FA431" in shown
        assert said in shown
        assert secret.splitlines()[1] not in shown
    assert (folder / ATTESTATION_FILE).read_bytes() == before
