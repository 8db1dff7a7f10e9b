"""The answer of a session: exit code, verdict, the text for people and the files for programs.

Most sessions here run without Flink, which is never enough to promote: their verdict has a reason of its own for that.
"""

from __future__ import annotations

import datetime
import json
from typing import Any
from xml.etree import ElementTree as Xml

import pytest
from plugin_project import Project, lines_of, scenario

from pytest_flink_agents.cli.main import main

GATE = "--flink-gate"
KNOWN = 'expect_fail: {{reason: "ticket 7", check: outputs, until: "{until}"}}\n'
NO_FLINK = "--flink-tier leaves out embedded ("


def reasons(project: Project) -> list[dict[str, Any]]:
    """The reasons of the newest verdict, except the one that every session without Flink has."""
    return [reason for reason in project.verdict()["reasons"] if NO_FLINK not in reason["message"]]


def rules(project: Project) -> list[tuple[str, str]]:
    return [(reason["kind"], reason["rule"]) for reason in reasons(project)]


@pytest.mark.parametrize("gate", [(GATE,), ()], ids=["gate", "no gate"])
def test_one_wrong_value_blocks_and_is_shown_in_its_line(project: Project, gate: tuple[str, ...]):
    project.scenarios("x", scenario("right"), scenario("wrong", said="bye"))
    result = project.run(*gate)
    assert result.ret == 1
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "x.scenario.yaml:15: *output 1 is not as expected*",
            "  >   15 |     - {key: a, value: {said: bye}}",
            '    expected: {"said": "bye"}',
            '    seen:     {"said": "hi"}',
            'what happened to key "a" (2 events):',
            "again: pytest 'x.scenario.yaml::wrong[[]local-2.2]' --flink-version=2.2.1 --flink-tier=local",
            f"=* flink agents{' gate' if gate else ''} =*",
            "BLOCK  2 scenarios on local-2.2.1, engine bundled: 1 passed, 1 failed",
            "  block: scenarios: x.scenario.yaml::wrong[[]local-2.2]: output 1*",
            "  not covered: tiers embedded, container, remote; engine upstream",
            "  report: flink-agents-report/*/summary.md",
        ]
    )
    assert project.verdict()["verdict"] == "block"


def test_the_run_folder_holds_the_verdict_and_its_evidence(project: Project):
    project.scenarios("x", scenario("right", more="requirement: REQ-17\nowner: payments\n"))
    result = project.run(GATE, tier="auto")
    verdict = project.verdict()
    folder = project.report
    assert result.ret == 0
    assert folder.is_symlink()
    assert set(verdict) >= {
        *("schema_version", "verdict", "profile", "reasons", "counts", "waivers", "subjects", "policy_digest"),
        *("scenarios_digest", "baseline", "started", "finished", "tool"),
    }
    assert (verdict["verdict"], verdict["profile"], verdict["reasons"]) == ("promote", "default", [])
    assert verdict["counts"] == {"passed": 2, "failed": 0, "flaky": 0, "skipped": 0, "waived": 0, "not_run": 0}
    assert [subject["name"] for subject in verdict["subjects"]] == ["shop.py"]
    assert [file["name"] for file in verdict["scenarios"]] == ["x.scenario.yaml"]
    assert verdict["subjects"][0]["digest"].startswith("sha256:")
    parts = {part["name"]: part["digest"] for part in verdict["parts"]}
    assert {"2.2.1 engine bundled", "2.2.1 package flink_agents-0.3.1"} <= set(parts)
    assert all(digest.startswith("sha256:") for digest in parts.values())
    assert verdict["tool"]["name"] == "pytest-flink-agents"
    assert verdict["started"] <= verdict["finished"]
    case = Xml.parse(folder / "junit.xml").getroot().find(".//testcase")
    assert case is not None
    assert (case.get("name"), case.get("file"), case.get("line")) == ("right", "x.scenario.yaml", "1")
    properties = {one.get("name"): one.get("value") for one in case.findall("properties/property")}
    assert (properties["requirement"], properties["owner"]) == ("REQ-17", "payments")
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert "# PROMOTE" in summary
    assert "| right | REQ-17 | payments | passed" in summary
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    kinds = [event["kind"] for event in events if event["kind"] != "progress"]
    assert kinds == ["session_started", "items_selected", *(["item_started", "item_finished"] * 2), "verdict"]
    assert main(["verify", str(folder), f"--project={project.path}"]) == 0
    environment = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
    assert "apache-flink 2.2.1" in environment["2.2.1 job environment"]
    (evidence,) = folder.glob("artifacts/*local*/1/evidence.json")
    assert json.loads(evidence.read_text(encoding="utf-8"))["evidence"]["outputs"] == [
        {"key": "a", "value": {"said": "hi"}, "input": 0, "at_s": None}
    ]


def test_a_session_that_verified_nothing_is_inconclusive(project: Project):
    for prepare in (
        lambda: (),
        lambda: project.write("test_plain.py", "def test_plain(): pass\n") and (),
        lambda: project.scenarios("x", scenario("one")) and ("-k", "neither_of_them"),
    ):
        result = project.run(GATE, *prepare())
        assert result.ret == 10
        result.stdout.fnmatch_lines(
            ["INCONCLUSIVE *", "  inconclusive: coverage: no scenario ran: nothing was verified"]
        )
        assert project.verdict()["verdict"] == "inconclusive"


def test_without_scenarios_only_the_gate_asks_for_a_verdict(project: Project):
    project.write("test_plain.py", "def test_plain(): pass\n")
    project.scenarios("x", scenario("one"))
    result = project.run("-k", "plain")
    assert result.ret == 0
    assert "flink agents" not in lines_of(result).replace("flink-agents", "")
    assert not project.report.parent.exists()


def test_a_plain_test_that_fails_blocks(project: Project):
    project.scenarios("x", scenario("right"))
    project.write(
        "test_plain.py",
        "import pytest\n\n\ndef test_plain():\n    assert 1 == 2\n\n\n@pytest.mark.skip(reason='later')\ndef test_later(): ...\n",
    )
    result = project.run(GATE)
    verdict = project.verdict()
    assert result.ret == 1
    assert verdict["verdict"] == "block"
    assert rules(project) == [("block", "tests"), ("remark", "tests")]
    assert reasons(project)[0]["message"].startswith("test_plain.py::test_plain: ")


def test_a_plain_test_that_fails_without_a_message_has_a_reason_in_words(project: Project):
    xfail = "import pytest\n\n\n@pytest.mark.xfail(strict=True, reason='ticket 7')\ndef test_known(): ...\n"
    project.write("test_plain.py", f"{xfail}\n\ndef test_plain():\n    raise ValueError\n")
    assert project.run(GATE).ret == 1
    assert [reason["message"] for reason in reasons(project) if reason["kind"] == "block"] == [
        "test_plain.py::test_known: [XPASS(strict)] ticket 7",
        "test_plain.py::test_plain: ValueError",
    ]


def test_a_fault_of_the_environment_in_a_plain_test_does_not_block(project: Project):
    project.scenarios("x", scenario("right"))
    project.write("test_plain.py", "def test_plain(flink_cluster): ...\n")
    result = project.run(GATE, "--flink-startup-timeout=0.01")
    assert result.ret == 10
    assert rules(project) == [("inconclusive", "could not run")]


def test_severity_warn_is_shown_and_does_not_block(project: Project):
    project.scenarios("x", scenario("right"), scenario("weak", said="bye", more="severity: warn\n"))
    result = project.run(GATE)
    assert result.ret == 10
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["INCONCLUSIVE *1 passed, 1 failed", "  remark: scenarios: x.scenario.yaml::weak*"])
    assert rules(project) == [("remark", "scenarios")]


def test_a_scenario_that_was_not_reached_is_not_promoted(project: Project):
    project.scenarios(
        "x", scenario("right"), scenario("weak", said="bye", more="severity: warn\n"), scenario("behind it", said="bye")
    )
    result = project.run(GATE, "-x")
    verdict = project.verdict()
    assert result.ret == 10
    assert (verdict["verdict"], verdict["counts"]["not_run"]) == ("inconclusive", 1)
    assert "behind it[local-2.2]: the session ended before it ran" in lines_of(result)


def test_a_file_that_cannot_be_collected_is_never_promoted(project: Project):
    project.scenarios("right", scenario("right"))
    project.scenarios("bad", scenario("bad", more="imputs: []\n"))
    stopped = project.run(GATE)
    gone_on = project.run(GATE, "--continue-on-collection-errors")
    assert (stopped.ret, gone_on.ret) == (2, 10)
    stopped.stdout.fnmatch_lines(["INCONCLUSIVE *"])
    gone_on.assert_outcomes(passed=1, errors=1)
    assert rules(project) == [("inconclusive", "could not run")]
    assert 'bad.scenario.yaml: 8:1: FA202: unknown key "imputs"' in reasons(project)[0]["message"]


def test_expect_fail_waives_until_it_passes_or_is_over(project: Project):
    last_day = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=60)
    later, over = KNOWN.format(until=last_day), KNOWN.format(until="2020-01-01")
    project.scenarios(
        "x",
        scenario("right"),
        scenario("known", said="bye", more=later),
        scenario("mended", more=later),
        scenario("overdue", said="bye", more=over),
    )
    waived = project.run(GATE, "-k", "known or right")
    waivers = project.verdict()
    red = project.run(GATE)
    verdict = project.verdict()
    waived.assert_outcomes(passed=1, xfailed=1, deselected=2)
    assert waivers["counts"]["waived"] == 1
    assert f"ticket 7 (until {last_day}" in json.dumps(waivers["waivers"])
    assert red.ret == 1
    red.assert_outcomes(passed=1, failed=2, xfailed=1)
    text = lines_of(red)
    for wanted in (
        "x.scenario.yaml:25: the scenario passes, although expect_fail announces a failure (ticket 7)",
        "remove expect_fail",
        "x.scenario.yaml:34: expect_fail expired on 2020-01-01: ticket 7",
        '  >   34 | expect_fail: {reason: "ticket 7", check: outputs, until: "2020-01-01"}',
    ):
        assert wanted in text
    report = json.loads((project.report / "report.json").read_text(encoding="utf-8"))
    # Where the message of each is about: an announced failure, its `expect_fail`.
    assert [result["line"] for result in report["results"]] == [1, 16, 25, 34]
    assert verdict["verdict"] == "block"
    assert {reason["message"].partition("[")[0] for reason in reasons(project)} == {
        "x.scenario.yaml::mended",
        "x.scenario.yaml::overdue",
    }


def test_a_selection_is_not_promoted_and_says_what_is_missing(project: Project):
    project.scenarios("x", scenario("one"), scenario("two"))
    project.scenarios("y", scenario("three"))
    project.write("z_scenario.yaml", scenario("four"))
    for arguments, message in (
        (("-k", "one"), "2 scenario runs were deselected"),
        (("x.scenario.yaml",), "only a part of the scenarios was collected: x.scenario.yaml on the command line"),
        (("x.scenario.yaml::one[local-2.2]",), "1 scenario run was deselected"),
        ((), "z_scenario.yaml looks like a scenario file and was not collected"),
    ):
        result = project.run(GATE, *arguments)
        assert result.ret == 10
        assert message in lines_of(result)


def test_plain_tests_that_were_deselected_are_a_remark(project: Project):
    project.scenarios("x", scenario("right"))
    project.write("test_plain.py", "def test_wrong():\n    assert 1 == 2\n\n\ndef test_right(): ...\n")
    for options in (("-k", "not wrong"), ("-n1", "--deselect=test_plain.py::test_wrong")):
        project.run(GATE, *options)
        assert ("remark", "1 plain test was deselected") in [(one["kind"], one["message"]) for one in reasons(project)]
    # The tests of another shard run there.
    for shard in ("1/2", "2/2"):
        project.run(GATE, f"--flink-shard={shard}")
        assert not [one for one in reasons(project) if "plain test" in one["message"]]


def test_without_the_gate_an_inconclusive_session_says_so(project: Project):
    project.scenarios("x", scenario("one"))
    result = project.run()
    assert result.ret == 0
    result.stdout.fnmatch_lines(
        [
            "INCONCLUSIVE *",
            f"*{NO_FLINK}x.scenario.yaml::*",
            "  exit code 0 is pytest's own; --flink-gate makes it 10",
        ]
    )


def test_a_report_that_cannot_be_written_is_one_line_beside_the_verdict(project: Project):
    project.scenarios("x", scenario("one"))
    project.write(
        "conftest.py",
        "import pathlib\n\nimport pytest\n\n\n@pytest.hookimpl(tryfirst=True)\ndef pytest_sessionfinish():\n"
        "    for folder in pathlib.Path('flink-agents-report').glob('2*'):\n"
        "        (folder / 'summary.md').unlink()\n"
        "        (folder / 'summary.md').symlink_to('/dev/full')\n",
    )
    result = project.run(GATE)
    assert result.ret == 10
    result.stdout.fnmatch_lines(
        [
            "INCONCLUSIVE *1 passed",
            "*report: the report could not be written: No space left on device: *",
            "  report: none, only parts of it in flink-agents-report/2*",
        ]
    )
    assert "Traceback" not in lines_of(result)


def test_a_scenario_that_applies_nowhere_is_not_promoted(project: Project):
    project.scenarios(
        "x",
        scenario("right"),
        scenario("other tier", more="tiers: [embedded]\n"),
        scenario("old", more='flink: "<2"\n'),
    )
    result = project.run(GATE, "-rs")
    assert result.ret == 10
    result.assert_outcomes(passed=1, skipped=2)
    text = lines_of(result)
    assert "not applicable: the scenario runs on embedded" in text
    assert "not applicable: the scenario is for Flink <2" in text


@pytest.mark.parametrize("style", [("-qq",), ("-p", "no:terminal"), ("-p", "no:capture")], ids=" ".join)
def test_the_verdict_does_not_depend_on_the_terminal(project: Project, style: tuple[str, ...]):
    project.scenarios("x", scenario("right"), scenario("wrong", said="bye"))
    result = project.run(GATE, *style)
    assert result.ret == 1
    assert project.verdict()["verdict"] == "block"
    assert ("BLOCK" in lines_of(result)) == ("no:terminal" not in style)
    assert "INTERNALERROR" not in lines_of(result)
