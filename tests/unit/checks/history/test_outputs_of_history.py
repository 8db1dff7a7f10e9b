"""Outputs over the history of a run: lost, doubled, phantom, overtaken; each also valid and unknown."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pytest

from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.history.outputs import in_order, no_phantom, nothing_doubled, nothing_lost
from pytest_flink_agents.evidence.history import Fault, History, Input, history_of
from pytest_flink_agents.evidence.model import Evidence, Output, StepRecord, TopicContent

INPUTS = tuple(Input(number, f"c-{number % 2}") for number in range(4))
KILL = Fault("kill taskmanager", 105.0, 110.0, felt=True)


def history(*numbers: int, at_s: float | None = 100.0, **fields: object) -> History:
    """Return the history of four inputs, drained, with an output of each number."""
    keys = {one.number: one.key for one in INPUTS}
    outputs = tuple(Output(keys.get(number, "c-9"), {"of": number}, number, at_s) for number in numbers)
    whole = History(INPUTS, outputs, drained=True, final=True)
    return dataclasses.replace(whole, **fields)  # type: ignore[arg-type]  # names of fields


def lost(of: History) -> CheckResult:
    return nothing_lost(of, 1)


def doubled(of: History) -> CheckResult:
    return nothing_doubled(of, 1)


CUT = {"drained": False, "final": False}


@pytest.mark.parametrize(
    ("check", "wrong", "doubtful"),
    [
        (lost, history(0, 1, 2), history(0, 1, 2, **CUT)),
        (doubled, history(0, 0, 1, 2, 3), history(0, 1, **CUT)),
        (no_phantom, history(0, 1, 2, 3, 9), history(0, 1, **CUT)),
        (in_order, history(2, 0, 1, 3), history(0, 1, **CUT)),
    ],
)
def test_each_checker_says_yes_no_and_unknown(
    check: Callable[[History], CheckResult], wrong: History, doubtful: History
) -> None:
    assert check(history(1, 0, 2, 3)).validity is Validity.VALID
    for of, validity in ((wrong, Validity.INVALID), (doubtful, Validity.UNKNOWN)):
        result = check(of)
        assert (result.validity, len(result.findings)) == (validity, 1)


def test_without_inputs_nothing_is_known_of_loss() -> None:
    assert lost(History((), (), drained=True, final=True)).validity is Validity.UNKNOWN


def test_an_input_that_was_never_sent_is_not_lost() -> None:
    result = lost(history(0, 1, unsent=frozenset({2, 3})))
    assert (result.validity, [finding.message for finding in result.findings]) == (
        Validity.UNKNOWN,
        ["2 inputs were never sent, so nothing is known of their outputs"],
    )
    result = lost(history(0, 2, unsent=frozenset({3})))
    assert (result.validity, [finding.key for finding in result.findings]) == (Validity.INVALID, ["c-1"])
    assert lost(history(0, 1, 2, 3, unsent=frozenset({3}))).validity is Validity.UNKNOWN
    assert lost(history(0, unsent=frozenset({3}), **CUT)).validity is Validity.UNKNOWN


def test_what_is_wrong_in_a_run_that_was_cut_short_stays_wrong() -> None:
    for check, of in ((doubled, history(0, 0)), (no_phantom, history(9)), (in_order, history(2, 0))):
        assert check(dataclasses.replace(of, final=False, drained=False)).validity is Validity.INVALID


@pytest.mark.parametrize(
    ("check", "of", "origin"),
    [
        (lost, history(0, 1, 2), "the job did not send it"),
        (
            lost,
            history(0, 1, 2, uncommitted=()),
            "the job did not send it, since the topic has no record of it, committed or not",
        ),
        (
            lost,
            history(0, 1, 2, uncommitted=(Output("c-1", 3, 3),)),
            "the connector wrote it in a transaction that was never committed",
        ),
        (lost, history(0, 1, 2, inputs_in_topic=3, acknowledged=4), "the broker acknowledged 4 inputs and has 3"),
        (doubled, history(0, 0, 1, 2, 3), "the job sent it more than once"),
        (doubled, history(0, 0, 1, 2, 3, faults=(KILL,)), "the job sent it more than once"),
        (doubled, history(0, 0, 1, 2, 3, at_s=None, faults=(KILL,)), "the job sent it more than once"),
        (doubled, history(0, 0, 1, 2, 3, inputs_in_topic=5), "the producer of the inputs wrote 5 records for 4 inputs"),
        (no_phantom, history(9), "the job sent it"),
        (no_phantom, history(9, inputs_in_topic=10), "the producer of the inputs wrote 10 records for 4 inputs"),
        (in_order, history(2, 0), "the job sent them in this order"),
        (in_order, history(2, 0, at_s=120.0, faults=(KILL,)), "the job sent them in this order, after a fault"),
    ],
)
def test_a_finding_names_the_part_that_broke_the_guarantee(
    check: Callable[[History], CheckResult], of: History, origin: str
) -> None:
    (finding,) = check(of).findings
    assert finding.message.endswith(f": {origin}")


def test_an_output_that_was_committed_before_and_after_a_fault_is_the_connectors() -> None:
    outputs = (*history(0, 1).outputs, *history(0, 2, 3, at_s=120.0).outputs)
    (finding,) = doubled(history(outputs=outputs, faults=(KILL,))).findings
    assert finding.message.endswith('the connector committed it before and after the step "kill taskmanager"')


def test_an_output_without_an_input_number_is_ignored_by_the_order() -> None:
    outputs = (*history(2).outputs, Output("c-0", 0))
    assert in_order(history(outputs=outputs)).validity is Validity.VALID


def test_a_key_has_one_counter_example_of_order() -> None:
    assert len(in_order(history(3, 1, 2, 0, 1, 0)).findings) == 2


@pytest.mark.parametrize(
    ("fields", "drained", "final"),
    [
        ({"job_state": "FINISHED"}, True, True),
        ({"job_state": "CANCELED", "stopped": True}, True, True),
        ({"job_state": "FAILED"}, False, True),
        ({"job_state": "RUNNING", "complete": False}, False, False),
    ],
)
def test_the_history_says_how_far_a_run_came(fields: dict[str, object], drained: bool, final: bool) -> None:
    made = history_of(Evidence("embedded", "2.2.1", "bundled", **fields))  # type: ignore[arg-type]  # names of fields
    assert (made.drained, made.final, made.inputs_in_topic, made.uncommitted) == (drained, final, None, None)


def test_inputs_of_a_version_that_never_began_were_not_sent() -> None:
    # Else the broker would be blamed for inputs that nobody wrote.
    evidence = Evidence(
        "embedded",
        "2.2.1",
        "bundled",
        outputs=(Output("a", 1, 0),),
        input_keys=("a", "a", "a", "a"),
        complete=False,
        job_state="RUNNING",
        topics=TopicContent(2, sent=2),
    )
    made = history_of(evidence)
    assert (made.acknowledged, sorted(made.unsent)) == (2, [2, 3])
    result = nothing_lost(made, 1)
    assert result.validity is Validity.UNKNOWN
    (finding,) = result.findings
    assert "input 1 of key" in finding.message
    assert "the broker" not in finding.message


def test_the_history_holds_inputs_topics_and_steps_that_were_performed() -> None:
    spare = Output("c-0", 1, 0)
    evidence = Evidence(
        "embedded",
        "2.2.1",
        "bundled",
        input_keys=("a", 1),
        topics=TopicContent(2, (spare,)),
        steps=(
            StepRecord("after 5 s", "kill taskmanager", 5.0, True, "it was killed", began_s=105.0, ended_s=110.0),
            StepRecord("after 9 s", "kill broker"),
        ),
    )
    made = history_of(evidence)
    assert made.inputs == (Input(0, "a"), Input(1, 1))
    assert (made.inputs_in_topic, made.uncommitted) == (2, (spare,))
    assert made.faults == (KILL,)
