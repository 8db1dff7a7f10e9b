"""Policies that seem to waive a failure, or to demand what was not shown."""

from __future__ import annotations

import datetime

import pytest

from tests.false_promote.promote_reasons import GATE, reasons
from tests.plugin.plugin_project import Project, scenario

WRONG = "scenarios: x.scenario.yaml::wrong[local-2.2]: output 1 is not as expected"
POLICY_FILE = "flink-agents-policy.yaml"


def policy(*, check: str = "outputs", failure: str = "", days: int = 30, require: str = "tiers: [local]") -> str:
    until = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=days)
    text = f", failure: {{contains: {failure}}}" if failure else ""
    return (
        f'version: "1"\ndefault: release\nprofiles:\n  release:\n    require: {{{require}}}\n    waivers:\n'
        f"      - {{scenario: x.scenario.yaml::wrong, check: {check}{text}, reason: r, owner: o, until: '{until}'}}\n"
    )


@pytest.mark.parametrize(
    ("text", "remark"),
    [
        pytest.param(policy(check="effects"), "failed in another way", id="waiver of another check"),
        pytest.param(policy(failure="declined"), "failed in another way", id="waiver of another text"),
        pytest.param(policy(days=-1), "expired", id="expired waiver"),
        pytest.param(policy().replace("::wrong", "::wrongly"), "no scenario", id="waiver of another name"),
    ],
)
def test_a_failure_that_no_waiver_names_blocks(text: str, remark: str, project: Project) -> None:
    project.write(POLICY_FILE, text)
    project.scenarios("x", scenario("right"), scenario("wrong", said="bye"))
    assert project.run(GATE).ret == 1
    assert [reason for reason in reasons(project) if reason.startswith(WRONG)]
    assert remark in reasons(project, kinds=("remark",))[0]


FOREIGN = """
import pytest


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    try:
        return (yield)
    except BaseException:
        if "replaced" in item.name:
            raise RuntimeError("another plugin") from None
        raise


def pytest_runtest_teardown(item):
    if "teardown" in item.name:
        raise RuntimeError("another plugin")


def pytest_runtest_setup(item):
    if "setup" in item.name:
        raise RuntimeError("another plugin")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if "rewritten" in item.name and report.when == "call":
        report.outcome, report.longrepr = "failed", "another plugin"
    return report
"""


@pytest.mark.parametrize(
    ("name", "said", "reason"),
    [
        ("replaced", "bye", "scenarios: x.scenario.yaml::replaced[local-2.2]: output 1 is not as expected"),
        ("teardown", "hi", "could not run: x.scenario.yaml::teardown[local-2.2]: another plugin"),
        ("setup", "hi", "could not run: x.scenario.yaml::setup[local-2.2]: another plugin"),
        ("rewritten", "hi", "session: pytest counts 1 failure that no result explains: "),
    ],
)
def test_neither_a_severity_nor_an_accepted_failure_excuses_another_plugin(
    name: str, said: str, reason: str, project: Project
) -> None:
    project.write(POLICY_FILE, policy())
    project.write("conftest.py", FOREIGN)
    accepted = scenario("wrong", said="bye")
    project.scenarios("x", scenario("right"), accepted, scenario(name, said=said, more="severity: warn\n"))
    assert project.run(GATE).ret == 10
    assert [each for each in reasons(project) if each.startswith(reason)]


def test_a_policy_does_not_excuse_what_was_not_shown(project: Project) -> None:
    require = "tiers: [local, container], tags: [refund], requirements: [REQ-1]"
    project.write(POLICY_FILE, policy(require=require))
    waived = scenario("wrong", said="bye", more="tags: [refund]\nrequirement: REQ-1\n")
    project.scenarios("x", scenario("right"), waived, scenario("other", more="tags: [left_out]\n"))
    result = project.run(GATE, "-m", "not left_out")
    assert result.ret == 10
    assert reasons(project) == [
        "selection: 1 scenario run was deselected: run all scenarios for a verdict on the job",
        "policy: require.tiers: container: not met: no run passed",
        "policy: require.tags: refund: not met: no run passed",
        "policy: require.requirements: REQ-1: not met: no run passed",
    ]


@pytest.mark.parametrize(
    "way", ["an ini file below", "--rootdir", "started below", "another extension", "another case"]
)
def test_a_policy_of_the_project_that_pytest_does_not_find_is_refused(way: str, project: Project) -> None:
    """Without it nothing would be required of the scenarios."""
    names = {"another extension": "flink-agents-policy.yml", "another case": "Flink_Agents_Policy.yaml"}
    name = names.get(way, POLICY_FILE)
    project.write(name, policy(require="scenarios: 9"))
    project.write(".git/HEAD", "")
    project.scenarios("suite/x", scenario("right", more="tiers: [embedded]\n"))
    if way in ("an ini file below", "started below"):
        project.write("suite/pytest.ini", "[pytest]\n")
    arguments = {"an ini file below": ("suite",), "--rootdir": ("--rootdir=suite", "suite")}.get(way, ())
    result = project.run(GATE, *arguments, below="suite" if way == "started below" else "")
    assert result.ret == 4
    assert "FA421: no option names this policy, and pytest does not find it" in result.stderr.str()
    assert f"--flink-policy={project.path / name}" in result.stderr.str()
    assert not list(project.path.rglob("verdict.json"))


@pytest.mark.parametrize("below", ["", "suite"])
def test_a_second_policy_does_not_replace_the_one_above(below: str, project: Project) -> None:
    project.write(POLICY_FILE, policy(require="scenarios: 9"))
    project.write(f"suite/{POLICY_FILE}", policy())
    project.write(".git/HEAD", "")
    project.write("suite/pytest.ini", "[pytest]\n")
    project.scenarios("suite/x", scenario("right", more="tiers: [embedded]\n"))
    result = project.run(GATE, *(() if below else ("suite",)), below=below)
    assert result.ret == 4
    assert "FA421: no option names this policy, and pytest takes another one" in result.stderr.str()
    assert not list(project.path.rglob("verdict.json"))


def test_a_mistyped_policy_decides_nothing(project: Project) -> None:
    project.scenarios("x", scenario("right"))
    # One day more than is refused, so that midnight may pass before the session reads it.
    for text in (policy(require="tier: [container]"), policy(days=92), policy(check="failure"), policy(failure="e")):
        project.write(POLICY_FILE, text)
        assert project.run(GATE).ret == 4
        assert not (project.report / "verdict.json").exists()


CHANGES = """
import logging
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Changes(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def answer(event: Event, ctx: RunnerContext) -> None:
        logging.getLogger("shop").error("known")
        before = Path(__file__).with_name("before")
        ctx.send_event(OutputEvent(output={"said": "bye" if before.exists() else "hi"}))
        before.touch()
"""


@pytest.mark.parametrize("excuse", ["expect_fail", "waiver", "severity"])
def test_a_failure_of_the_first_seed_that_is_excused_hides_none_of_the_others(excuse: str, project: Project) -> None:
    project.write("changes.py", CHANGES)
    until = datetime.datetime.now(datetime.timezone.utc).date() + datetime.timedelta(days=30)
    known = f"expect_fail: {{reason: r, check: logs, until: '{until}'}}\n" if excuse == "expect_fail" else ""
    text = policy(check="logs" if excuse == "waiver" else "effects")
    project.write(POLICY_FILE, f"{text}    checks: {{logs: warn}}\n" if excuse == "severity" else text)
    project.scenarios("x", scenario("right"), scenario("wrong", agent="changes:Changes", more=known))
    result = project.run(GATE, "--scenario-seed=1", "--scenario-runs=3")
    assert result.ret == 1
    assert [each for each in reasons(project) if each.startswith("scenarios: x.scenario.yaml::wrong[")]
    result.stdout.fnmatch_lines(["with seed 2: output 1 is not as expected: *"])
