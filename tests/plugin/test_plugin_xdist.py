"""Scenarios under pytest-xdist, judged as one session."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from plugin_project import Project, lines_of, scenario

pytest.importorskip("xdist")

STORIES = [scenario(f"story {number}") for number in range(5)]
WRONG = scenario("wrong", said="bye")
LOCAL_ONLY = 'version: "1"\ndefault: one\nprofiles: {one: {require: {tiers: [local]}}}\n'


def verdict_of(project: Project) -> dict[str, object]:
    """Return a verdict without its times."""
    verdict = project.verdict()
    return {name: verdict[name] for name in ("verdict", "reasons", "counts", "subjects", "scenarios_digest")}


def test_the_verdict_is_the_same_as_in_one_process(project: Project):
    """A session with a failure and a deselected scenario: exit code, counts, reasons, digests."""
    project.scenarios("s", *STORIES, WRONG, scenario("left out"))
    options = ("--flink-gate", "--deselect", "s.scenario.yaml::left out[local-2.2]")
    alone = project.run(*options)
    told_alone = verdict_of(project)
    spread = project.run("-n2", *options)
    assert (alone.ret, spread.ret) == (1, 1)
    assert verdict_of(project) == told_alone
    assert told_alone["counts"] == {"passed": 5, "failed": 1, "flaky": 0, "skipped": 0, "waived": 0, "not_run": 0}
    assert "bye" in lines_of(spread)
    assert (project.report / "junit.xml").read_text().count("<testcase") == 6
    assert sum(1 for _ in project.report.glob("artifacts/*/1/evidence.json")) == 6


def test_a_collection_error_of_a_worker_makes_the_verdict_inconclusive(project: Project):
    project.scenarios("good", *STORIES)
    project.write("bad.scenario.yaml", "version: 1\n")
    spread = project.run("-n2", "--flink-gate", "--continue-on-collection-errors")
    assert spread.ret == 10
    assert any("bad.scenario.yaml" in reason["message"] for reason in project.verdict()["reasons"])


def test_a_worker_that_dies_makes_the_verdict_inconclusive(project: Project):
    """Its test is named; the others run in a new worker."""
    project.scenarios("s", *STORIES)
    project.write("test_dies.py", "import os\n\ndef test_dies():\n    os._exit(3)\n")
    spread = project.run("-n2", "--flink-gate")
    verdict = project.verdict()
    assert spread.ret == 10
    assert verdict["counts"]["passed"] == 5
    assert any(
        "test_dies: the pytest-xdist worker that ran it has died" in reason["message"] for reason in verdict["reasons"]
    )


def test_a_scenario_whose_worker_dies_is_still_a_scenario_of_its_tier(project: Project):
    """Nothing is known of it, so its severity does not make that a remark."""
    exits = "import os\n\n\ndef pytest_runtest_setup(item):\n    if 'dies' in item.name:\n        os._exit(3)\n"
    project.write("conftest.py", exits)
    project.write("flink-agents-policy.yaml", LOCAL_ONLY)
    project.scenarios("s", STORIES[0], scenario("dies", more="severity: warn\n"))
    assert project.run("-n1", "--flink-gate", ends=False).ret == 10
    assert [(reason["kind"], reason["message"]) for reason in project.verdict()["reasons"]] == [
        ("inconclusive", "s.scenario.yaml::dies[local-2.2]: the pytest-xdist worker that ran it has died")
    ]
    results = json.loads((project.report / "report.json").read_text())["results"]
    assert [(one["name"], one["tier"], one["severity"]) for one in results if one["outcome"] == "not_run"] == [
        ("dies", "local", "warn")
    ]


def test_workers_that_end_without_their_records_make_the_verdict_inconclusive(project: Project):
    """Only the record says what was deselected."""
    ends = "import os\n\nimport pytest\n\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_sessionfinish(session):\n"
    project.write("conftest.py", f"{ends}    if hasattr(session.config, 'workerinput'):\n        os._exit(0)\n")
    project.write("flink-agents-policy.yaml", LOCAL_ONLY)
    project.scenarios("s", STORIES[0], WRONG)
    spread = project.run("-n1", "--max-worker-restart=0", "--flink-gate", "-k", "story", ends=False)
    assert spread.ret == 10
    assert [(reason["rule"], reason["message"]) for reason in project.verdict()["reasons"]] == [
        ("could not run", "session::worker gw0: the pytest-xdist worker ended before it said what it had left out")
    ]


def test_agent_runner_works_in_each_worker(project: Project):
    project.write(
        "test_shop.py",
        "import pytest\n\n@pytest.mark.parametrize('word', ['a', 'b', 'c'])\n"
        "def test_echo(agent_runner, word):\n"
        "    evidence = agent_runner.run('shop:Echo', [('k', word)])\n"
        "    assert [output.value for output in evidence.outputs] == [{'said': word}]\n",
    )
    project.run("-n2").assert_outcomes(passed=3)


def test_without_scenarios_workers_create_no_report_and_no_socket(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    project.write("test_plain.py", "def test_one():\n    pass\n")
    project.run("-n2").assert_outcomes(passed=1)
    assert not (project.path / "flink-agents-report").exists()
    assert not list(scratch.glob("flink-agents-*"))
