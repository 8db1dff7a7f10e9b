"""Scenarios under pytest-xdist: spread over processes, judged as one session."""

from __future__ import annotations

from pathlib import Path

import pytest
from plugin_project import Project, lines_of, scenario

pytest.importorskip("xdist")

STORIES = [scenario(f"story {number}") for number in range(5)]
WRONG = scenario("wrong", said="bye")


def told(project: Project) -> dict[str, object]:
    """What a verdict says, without when it was said."""
    verdict = project.verdict()
    return {name: verdict[name] for name in ("verdict", "reasons", "counts", "subjects", "scenarios_digest")}


def test_the_verdict_is_the_same_as_in_one_process(project: Project):
    """A session with a failure and one deselected scenario: exit code, counts, reasons, digests."""
    project.scenarios("s", *STORIES, WRONG, scenario("left out"))
    options = ("--flink-gate", "--deselect", "s.scenario.yaml::left out[local-2.2]")
    alone = project.run(*options)
    told_alone = told(project)
    spread = project.run("-n2", *options)
    assert (alone.ret, spread.ret) == (1, 1)
    assert told(project) == told_alone
    assert told_alone["counts"] == {"passed": 5, "failed": 1, "flaky": 0, "skipped": 0, "waived": 0, "not_run": 0}
    assert "bye" in lines_of(spread)
    assert (project.report / "junit.xml").read_text().count("<testcase") == 6
    assert sum(1 for _ in project.report.glob("artifacts/*/1/evidence.json")) == 6


def test_a_file_that_cannot_be_collected_is_never_promoted(project: Project):
    """Its error comes from the other processes."""
    project.scenarios("good", *STORIES)
    project.write("bad.scenario.yaml", "version: 1\n")
    spread = project.run("-n2", "--flink-gate", "--continue-on-collection-errors")
    assert spread.ret == 10
    assert any("bad.scenario.yaml" in reason["message"] for reason in project.verdict()["reasons"])


def test_a_process_that_dies_makes_the_verdict_inconclusive(project: Project):
    """And says which test it ran; the others go on in a new process."""
    project.scenarios("s", *STORIES)
    project.write("test_dies.py", "import os\n\ndef test_dies():\n    os._exit(3)\n")
    spread = project.run("-n2", "--flink-gate")
    verdict = project.verdict()
    assert spread.ret == 10
    assert verdict["counts"]["passed"] == 5
    assert any(
        "test_dies: the pytest-xdist worker that ran it has died" in reason["message"] for reason in verdict["reasons"]
    )


def test_a_fixture_works_in_each_process(project: Project):
    """Tests in Python need no scenario file; the verdict is not asked for."""
    project.write(
        "test_shop.py",
        "import pytest\n\n@pytest.mark.parametrize('word', ['a', 'b', 'c'])\n"
        "def test_echo(agent_runner, word):\n"
        "    evidence = agent_runner.run('shop:Echo', [('k', word)])\n"
        "    assert [output.value for output in evidence.outputs] == [{'said': word}]\n",
    )
    project.run("-n2").assert_outcomes(passed=3)


def test_without_need_nothing_is_made(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A project without scenarios has no report folder and no socket of ours under -n."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    project.write("test_plain.py", "def test_one():\n    pass\n")
    project.run("-n2").assert_outcomes(passed=1)
    assert not (project.path / "flink-agents-report").exists()
    assert not list(scratch.glob("flink-agents-*"))
