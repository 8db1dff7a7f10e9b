"""A candidate that is alive beside the baseline: promoted, given up, and given up on purpose after each step."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.evidence.upgrade import BlueGreen
from pytest_flink_agents.run.checked_run import CheckedRun
from tests.support.upgrade_runs import checked

pytestmark = pytest.mark.slow

KIOSK = """\
version: "1"
name: each coffee is ordered once
agent: tests.support.agents.kiosks:{agent}
tiers: [embedded]
config: {{kitchen.address: "${{effects.kitchen.url}}", kitchen.late_s: {late_s}}}
config_extra: true
effects:
  - {{name: kitchen, route: POST /coffees, reply: {{status: 201}}}}
inputs:
  - generate: {{count: {count}, keys: 4, value: {{customer: "${{input.key}}"}}}}
upgrade:
  from: {{agent: tests.support.agents.kiosks:Kiosk}}
  mode: blue_green
  after: {{outputs: 8}}
  in_flight: 4
{words}expect:
{expected}
  delivery: {{outputs: exactly_once}}
  outputs: {{count: {count}, distinct: "[customer, number]", each: {{partial: {{status: 201}}}}}}
  effects: {{kitchen: {{count: {count}}}}}
within: 120s
"""


def scenario_of(agent: str, words: str = "", expected: str = "", late_s: float = 0.0) -> str:
    """Return a scenario of 60 inputs."""
    return KIOSK.format(agent=agent, count=60, words=words, expected=expected, late_s=late_s)


def ran(
    agent: str, folder: Path, request: pytest.FixtureRequest, words: str = "", expected: str = "", late_s: float = 0.0
) -> CheckedRun:
    return checked(scenario_of(agent, words, expected, late_s), folder, request, "kiosks.py")


def beside(run: CheckedRun) -> BlueGreen:
    upgrade = run.evidence.upgrade
    assert upgrade is not None
    assert upgrade.blue_green is not None
    return upgrade.blue_green


def require_all_served_by_the_baseline(run: CheckedRun) -> None:
    """Require each input's output and effect once, all of them by the baseline."""
    evidence = run.evidence
    assert sorted(output.input or 0 for output in evidence.outputs) == list(range(60)), run.text
    assert evidence.effects is not None
    assert sorted(call.input or 0 for call in evidence.effects) == list(range(60))
    assert {output.value["thanks"] for output in evidence.outputs} == {"thank you"}
    wrong = [result.check for result in run.results if result.validity is not Validity.VALID]
    assert wrong in ([], ["upgrade"]), run.text


def test_a_candidate_that_does_the_same_takes_over_at_the_offset(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = ran("NextKiosk", tmp_path, request, expected="  downtime: 60s\n")
    assert run.valid, run.text
    found = beside(run)
    assert (found.first, found.offset, found.served, found.step) == (24, 44, True, "")
    assert (found.outputs, found.calls) == (20, 20)
    assert found.savepoint
    counts = sorted((output.input, output.value["number"]) for output in run.evidence.outputs)
    assert counts == [(number, number // 4 + 1) for number in range(60)], "one count for each customer"
    assert [step.felt for step in run.evidence.steps] == [True] * 5, run.evidence.steps
    held = (tmp_path / "run" / "effects-in-shadow.jsonl").read_text().splitlines()
    assert len(held) >= 20


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        ("PoliteKiosk", "thanks\n"),
        ("GenerousKiosk", "large"),
        ("LateKiosk", "large"),
        ("BrokenKiosk", "the machine has no water"),
    ],
)
def test_a_candidate_that_differs_is_given_up_and_the_baseline_serves_all(
    agent: str, says: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = ran(agent, tmp_path, request)
    assert run.validity is Validity.INVALID
    found = beside(run)
    assert (found.served, found.known) == (False, True)
    # One that fails at its first input may do so before all its tasks were seen to run.
    assert found.step == "shadow" or (agent, found.step) == ("BrokenKiosk", "start")
    assert says in run.text
    require_all_served_by_the_baseline(run)


def test_a_call_for_an_input_before_the_offset_is_a_difference_also_after_the_switch(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = ran("LateKiosk", tmp_path, request, late_s=15.0)
    assert run.validity is Validity.INVALID
    found = beside(run)
    assert (found.served, found.step) == (True, ""), run.text
    (difference,) = found.differences
    assert (difference.key, difference.place) == ('"key-3"', "effect of kitchen")
    assert "large" in difference.candidate
    assert "the candidate differs from the baseline in its shadow" in run.text


def test_what_may_differ_is_no_reason_to_give_up(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    run = ran("PoliteKiosk", tmp_path, request, '  allow: ["outputs[*].value.thanks"]\n')
    assert run.valid, run.text
    thanks = {output.input: output.value["thanks"] for output in run.evidence.outputs}
    assert [thanks[number] for number in (43, 44)] == ["thank you", "thank you very much"]


@pytest.mark.parametrize("step", ["savepoint", "start", "shadow"])
def test_an_abort_on_purpose_leaves_the_baseline_serving(
    step: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = ran("NextKiosk", tmp_path, request, f"  abort_after: {step}\n")
    assert run.valid, run.text
    found = beside(run)
    assert (found.step, found.wanted, found.reason, found.served) == (step, step, "", False)
    require_all_served_by_the_baseline(run)
