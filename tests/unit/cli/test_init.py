"""``init ci`` and the hook of pre-commit: files that their readers accept."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema.validators import validator_for

from pytest_flink_agents.cli.init.command import SERVERS
from pytest_flink_agents.cli.main import main
from pytest_flink_agents.report.ci.files import GITLAB
from pytest_flink_agents.version import __version__
from tests.support.documentation import ROOT

GITHUB_FILE, GITLAB_FILE, HOOKS_FILE = (
    ".github/workflows/flink-agents-gate.yml",
    ".gitlab-ci.yml",
    ".pre-commit-hooks.yaml",
)


@pytest.fixture(autouse=True)
def _in_an_empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(path: str | Path) -> Any:
    return yaml.safe_load(Path(path).read_text(encoding="utf-8"))


def problems(schema: str, document: Any) -> list[str]:
    """Return what the schema that check-jsonschema ships has against a document."""
    wanted = get_builtin_schema(schema)
    # YAML 1.1 reads the key `on` as a Boolean; JSON has no such keys.
    document = json.loads(json.dumps(document).replace('"true": ', '"on": ', 1))
    return [error.message for error in validator_for(wanted)(wanted).iter_errors(document)]


@pytest.mark.parametrize("server", SERVERS)
def test_the_file_is_where_the_server_looks_for_it_and_names_this_version(
    server: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "ci", server]) == 0
    text = Path(SERVERS[server].path).read_text(encoding="utf-8")
    assert capsys.readouterr().out.startswith(f"wrote {SERVERS[server].path}; next: ")
    assert re.search(rf"GATE_VERSION ?[:=] ['\"]{re.escape(__version__)}['\"]", text)
    assert "GATE_VERSION_HERE" not in text


def test_a_file_that_exists_is_only_replaced_by_force(capsys: pytest.CaptureFixture[str]) -> None:
    path = Path("Jenkinsfile")
    path.write_text("mine", encoding="utf-8")
    assert main(["init", "ci", "jenkins"]) == 2
    assert path.read_text(encoding="utf-8") == "mine"
    assert "Jenkinsfile exists and was left as it is: --force replaces it" in capsys.readouterr().err
    assert main(["init", "ci", "jenkins", "--output", "ci/Jenkinsfile"]) == 0
    assert path.read_text(encoding="utf-8") == "mine"
    assert main(["init", "ci", "jenkins", "--force"]) == 0
    assert path.read_bytes() == Path("ci/Jenkinsfile").read_bytes()


@pytest.mark.parametrize("words", [["ci"], ["policy", "github"], ["ci", "travis"]], ids=" ".join)
def test_another_use_is_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["init", *words])
    assert ended.value.code == 2


def test_the_schemas_of_github_and_gitlab_accept_the_files() -> None:
    for server in ("github", "gitlab"):
        main(["init", "ci", server])
    assert problems("vendor.github-workflows", read(GITHUB_FILE)) == []
    assert problems("custom.github-workflows-require-timeout", read(GITHUB_FILE)) == []
    assert problems("vendor.gitlab-ci", read(GITLAB_FILE)) == []


@pytest.mark.parametrize(
    ("server", "schema", "mark"),
    [("github", "vendor.github-workflows", "#"), ("gitlab", "vendor.gitlab-ci", "# ")],
)
def test_the_jobs_in_comments_are_valid_and_name_commands_that_exist(server: str, schema: str, mark: str) -> None:
    main(["init", "ci", server])
    lines = Path(SERVERS[server].path).read_text(encoding="utf-8").splitlines()
    # A job in comments begins with its name, and has only indented lines.
    job = re.compile(rf"{mark}(?:  )?\w+:$" if server == "github" else rf"{mark}\w+:$")
    inside, text = False, []
    for line in lines:
        inside = bool(job.match(line)) or (inside and line.startswith(f"{mark}  "))
        text.append(line.removeprefix(mark) if inside else line)
    document = yaml.safe_load("\n".join(text))
    assert problems(schema, document) == []
    jobs = document["jobs"] if server == "github" else document
    assert {"merge", "sign"} < set(jobs)
    steps = [step.get("run", "") for step in jobs["sign"]["steps"]] if server == "github" else jobs["sign"]["script"]
    (command,) = [step for step in steps if step.startswith("flink-agents-gate ")]
    assert command == "flink-agents-gate attest flink-agents-report/2* --key=env:GATE_SIGN_KEY"
    assert ("GATE_SIGN_KEY" in str(jobs["gate" if server == "github" else "flink-agents-gate"])) is False


def test_a_schema_refuses_a_wrong_file() -> None:
    main(["init", "ci", "github"])
    workflow = read(GITHUB_FILE)
    workflow["jobs"]["gate"]["step"] = []
    assert problems("vendor.github-workflows", workflow)


def test_the_report_and_the_cache_are_kept_whatever_the_verdict() -> None:
    for server in SERVERS:
        main(["init", "ci", server])
    steps = read(GITHUB_FILE)["jobs"]["gate"]["steps"]
    names = [step.get("name") or step["uses"].partition("@")[0] for step in steps]
    assert names[-4:] == ["Install", "Gate", "actions/cache/save", "actions/upload-artifact"]
    assert [step["if"].partition(" ")[0] for step in steps[-2:]] == ["always()", "always()"]
    job = read(GITLAB_FILE)["flink-agents-gate"]
    assert (job["artifacts"]["when"], job["cache"]["when"]) == ("always", "always")
    assert job["artifacts"]["reports"]["codequality"].endswith(f"/{GITLAB}")
    assert "post {\n        always {" in Path("Jenkinsfile").read_text(encoding="utf-8")


def test_all_servers_run_the_same_commands() -> None:
    for server in SERVERS:
        main(["init", "ci", server])
    commands = (
        "python -m pip install uv",
        '"pytest-flink-agents==$GATE_VERSION"',
        'python -m pytest --flink-gate --flink-version="$FLINK_VERSION"',
    )
    for start in SERVERS.values():
        lines = Path(start.path).read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.startswith("#"))
        text = re.sub(r"[\w./-]*venv/bin/", "", text)
        assert [text.count(command) for command in commands] == [1, 1, 1], start.path


def test_the_hook_of_pre_commit_takes_the_files_that_lint_knows() -> None:
    # pre-commit demands the first four of a hook, and ignores keys that it does not know.
    (hook,) = read(ROOT / HOOKS_FILE)
    assert set(hook) == {"id", "name", "entry", "language", "description", "files", "require_serial"}
    assert hook["language"] == "python"
    program, command = hook["entry"].split()
    assert f'{program} = "pytest_flink_agents.cli.main:main"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    taken = ("a.scenario.yaml", "x/b.scenario.yml", "flink-agents-policy.yaml", "conf/config.yaml", "x/flink-conf.yaml")
    left = (
        "mkdocs.yml",
        "config.yaml",
        "values.yaml",
        "scenario.yaml",
        "my-flink-agents-policy.yaml",
        "a.scenario.yaml.j2",
    )
    assert [name for name in (*taken, *left) if re.search(hook["files"], name)] == list(taken)
