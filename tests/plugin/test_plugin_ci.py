"""A session on a CI server: what the server shows of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from plugin_project import Project, lines_of, scenario

FAILING_TEST = "\n\ndef test_plain():\n    raise ValueError('::error::forged')\n"


def test_github_shows_the_failures_at_their_lines_and_the_summary(project: Project, monkeypatch: pytest.MonkeyPatch):
    project.scenarios("x", scenario("right"), scenario("wrong", said="bye"))
    project.write("tests/test_plain.py", FAILING_TEST)
    summary = project.write("step-summary", "from another command\n")
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.path.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = project.run("--flink-gate")
    assert result.ret == 1
    commands = [line for line in result.outlines if line.startswith("::")]
    folder = project.path.name
    assert commands[0] == (
        f"::error file={folder}/tests/test_plain.py,line=3,title=flink agents gate%3A tests::"
        "tests/test_plain.py::test_plain: ::error::forged"
    )
    assert commands[1].startswith(
        f"::error file={folder}/x.scenario.yaml,line=9,title=flink agents gate%3A scenarios::x.scenario.yaml::wrong"
    )
    assert [line.partition(" ")[0] for line in commands] == ["::error", "::error", "::warning"]
    appended = summary.read_text(encoding="utf-8")
    assert (
        appended == f"from another command\n{(project.report / 'summary.md').read_text(encoding='utf-8').rstrip()}\n\n"
    )


def test_every_session_writes_the_files_for_ci_servers_and_only_the_gate_speaks_to_one(
    project: Project, monkeypatch: pytest.MonkeyPatch
):
    project.scenarios("x", scenario("wrong", said="bye"))
    summary = project.path / "step-summary"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    result = project.run()
    assert "::error" not in lines_of(result)
    assert not summary.exists()

    def read(name: str) -> Any:
        return json.loads((project.report / name).read_text(encoding="utf-8"))

    assert [test["rawStatus"] for test in read("ctrf-report.json")["results"]["tests"]] == ["failed"]
    assert read("gl-code-quality-report.json")[0]["location"] == {"path": "x.scenario.yaml", "lines": {"begin": 1}}
    assert "## BLOCK" in (project.report / "pull-request.md").read_text(encoding="utf-8")
