"""No completed action is executed again: calls, records and interruptions of made-up runs."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from flink_testbed.faults import KillJobManager
from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.history.actions import no_completed_action_again
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.history import (
    KILL_JOBMANAGER,
    Fault,
    History,
    Interruption,
    RecordedAction,
    history_of,
)
from pytest_flink_agents.evidence.model import Evidence, JobException, Output, StepRecord

KEYS = ("c-1", "c-2", "c-1")
STEP = StepRecord("after 5 s", "kill taskmanager", 5.0, True, "", 3.0, True, began_s=100.0, ended_s=110.0)
KILL = 'the step "kill taskmanager"'
MANY = [f"c-{number}" for number in range(30)]


def call(sequence: int, at_s: float, number: int | None = 0, action: str | None = "pay", **fields: Any) -> EffectCall:
    key = KEYS[number] if number is not None and number < len(KEYS) else None
    made = EffectCall(sequence, at_s, "effects", "payments", "POST /refunds", "POST", "/refunds", key=key, status=201)
    return dataclasses.replace(made, input=number, action=action, **fields)


def record(offset: int, at_s: float, number: int = 0, action: str = "pay", **fields: object) -> ActionState:
    key, sequence = KEYS[number], 1 + KEYS[:number].count(KEYS[number])
    made = ActionState("job", key, sequence, "", action, 0, offset, at_s, completed=True)
    return dataclasses.replace(made, **fields)  # type: ignore[arg-type]  # names of fields


def evidence(
    calls: list[EffectCall] | None, records: list[ActionState] | None, keys: tuple[object, ...] = KEYS, **fields: object
) -> Evidence:
    made = Evidence("embedded", "2.2.1", "bundled", job_state="FINISHED", input_keys=keys, steps=(STEP,))
    effects = None if calls is None else tuple(calls)
    states = None if records is None else tuple(records)
    return dataclasses.replace(made, effects=effects, action_states=states, **fields)  # type: ignore[arg-type]


def check(calls: list[EffectCall] | None, records: list[ActionState] | None, **fields: Any) -> CheckResult:
    return no_completed_action_again(history_of(evidence(calls, records, **fields)))


def said(result: CheckResult) -> str:
    return "\n".join(finding.message for finding in result.findings)


def test_actions_that_are_on_record_once_and_call_once_are_valid() -> None:
    calls = [call(1, 90.0), call(2, 120.0, 1), call(3, 121.0, 2)]
    records = [record(0, 90.1), record(1, 120.1, 1), record(2, 121.1, 2)]
    outputs = tuple(Output(key, "paid", number) for number, key in enumerate(KEYS))
    assert check(calls, records, outputs=outputs) == CheckResult("no completed action again", Validity.VALID)
    assert check(None, records).validity is Validity.VALID, "the store is witness enough"


def test_a_call_of_an_action_that_was_on_record_before_the_kill_is_invalid() -> None:
    result = check([call(1, 90.0), call(2, 120.0)], [record(7, 90.1)])
    assert (result.validity, said(result)) == (
        Validity.INVALID,
        'action pay of input 0 of key "c-1" was executed again after it had completed: its completion was on record at '
        f"offset 7 before {KILL} and then came call 2 (POST /refunds): the job did not use the record",
    )
    assert (result.findings[0].key, result.findings[0].path) == ("c-1", ("expect", "delivery", "actions"))


@pytest.mark.parametrize("removed", [True, False])
def test_an_action_with_two_records_of_its_completion_is_invalid(removed: bool) -> None:
    between = [record(4, 119.0, completed=False, removed=True)] if removed else []
    result = check(None, [record(3, 90.1), *between, record(5, 120.0)])
    assert result.validity is Validity.INVALID
    assert f"offset 3 before {KILL} and then came a second record at offset 5" in said(result)
    alone = check(None, [record(3, 90.1), record(5, 91.0)])
    assert "was on record at offset 3 and then came a second record at offset 5" in said(alone)


def test_two_records_of_a_key_with_too_many_inputs_are_invalid_too() -> None:
    result = check(None, [record(0, 90.0, sequence=9), record(1, 120.0, sequence=9), record(2, 121.0)])
    assert (result.validity, "action pay of run 9 of key" in said(result)) == (Validity.INVALID, True)


def test_an_action_in_flight_is_counted_and_not_failed() -> None:
    result = check([call(1, 99.9), call(2, 120.0)], [record(0, 120.1)])
    assert (result.validity, said(result)) == (Validity.VALID, f"in flight at {KILL}: 1 (pay of input 0)")


def test_a_record_from_between_kill_and_restart_may_have_come_too_late() -> None:
    calls = [call(1, 99.9), call(2, 120.0)]
    assert check(calls, [record(0, 100.1), record(1, 120.1)]).validity is Validity.VALID


def test_a_record_that_came_too_late_excuses_one_repetition_only() -> None:
    result = check(None, [record(0, 100.1), record(1, 120.1), record(2, 130.0)])
    assert (result.validity, len(result.findings)) == (Validity.INVALID, 1)
    assert "was on record at offset 1 and then came a second record at offset 2" in said(result)


def test_records_of_calls_in_progress_complete_nothing() -> None:
    unfinished = record(0, 90.0, completed=False)
    assert check([call(1, 89.0), call(2, 120.0)], [unfinished, record(1, 120.1)]).validity is Validity.VALID


def test_an_action_that_ended_without_a_record_was_not_in_flight() -> None:
    """The second input of the key had begun, so the first had ended: its effect came before its record."""
    calls = [call(1, 90.0), call(2, 95.0, 2), call(3, 120.0), call(4, 121.0, 2)]
    result = check(calls, [record(0, 120.1), record(1, 121.1, 2)])
    assert (result.validity, len(result.findings)) == (Validity.INVALID, 1)
    assert f"it had ended without a record, as input 2 of its key had begun, before {KILL}" in said(result)


def test_an_input_of_another_key_that_had_begun_says_nothing() -> None:
    calls = [call(1, 90.0), call(2, 95.0, 1), call(3, 120.0), call(4, 121.0, 1), call(5, 122.0, 99), call(6, 90.0, 99)]
    assert check(calls, [record(0, 120.1), record(1, 121.1, 1)]).validity is Validity.VALID


def test_an_action_that_had_not_begun_before_the_kill_may_call_after_it() -> None:
    calls = [call(1, 95.0, 2, "other"), call(2, 120.0)]
    assert check(calls, [record(0, 120.1)]).validity is Validity.VALID


def test_another_execution_of_the_action_for_the_same_input_may_have_been_in_flight() -> None:
    calls = [call(1, 90.0), call(2, 99.0), call(3, 120.0)]
    records = [record(0, 90.1, position="p"), record(1, 120.1, position="q")]
    assert check(calls, records).validity is Validity.VALID
    both = [record(0, 90.1, position="p"), record(1, 99.1, position="q")]
    assert check(calls, both).validity is Validity.INVALID


def test_without_a_store_a_repeated_effect_is_invalid_and_nothing_else_is_known() -> None:
    result = check([call(1, 90.0), call(2, 120.0)], None)
    assert (result.validity, said(result)) == (
        Validity.INVALID,
        'the effect payments happened twice for key "c-1": input 0 led to call 1 (POST /refunds) before '
        f"{KILL} and call 2 (POST /refunds) after it; the agent has no action state store, so actions since the last "
        "checkpoint are executed again: add config: {actionStateStoreBackend: kafka}",
    )
    once = check([call(1, 90.0), call(2, 120.0, 1)], None)
    assert (once.validity, said(once).startswith("nothing is proven; the agent has no")) == (Validity.UNKNOWN, True)
    assert check(None, None).validity is Validity.UNKNOWN


@pytest.mark.parametrize(
    "second",
    [
        call(2, 120.0, body={"amount": 21}),
        call(2, 120.0, replayed=True),
        call(2, 120.0, status=503),
        call(2, 99.0),
        call(2, 120.0, 1),
        call(2, 120.0, action="other"),
    ],
)
def test_another_call_is_no_repetition(second: EffectCall) -> None:
    assert check([call(1, 90.0), second], None).validity is Validity.UNKNOWN


def test_the_order_of_names_in_a_body_does_not_make_another_call() -> None:
    one = call(1, 90.0, body={"order": "o-1", "amount": 1}, body_digest="1")
    for body, validity in (
        ({"amount": 1, "order": "o-1"}, Validity.INVALID),
        ({"amount": True, "order": "o-1"}, Validity.UNKNOWN),
    ):
        assert check([one, call(2, 120.0, body=body, body_digest="2")], None).validity is validity


def test_a_question_may_be_repeated_without_a_store() -> None:
    asked = [call(1, 90.0, method="GET"), call(2, 120.0, method="GET")]
    assert check(asked, None).validity is Validity.UNKNOWN


def test_a_repetition_in_a_job_that_ran_on_is_the_agents_own() -> None:
    ran_on = dataclasses.replace(STEP, interrupted=False)
    assert check([call(1, 90.0), call(2, 120.0)], None, steps=(ran_on,)).validity is Validity.UNKNOWN
    failed = JobException(100_500, "no stock")
    for steps in ((ran_on,), ()):
        result = check([call(1, 90.0), call(2, 120.0)], None, steps=steps, exceptions=(failed,))
        assert "before the failure 'no stock' and call 2" in said(result)


def test_a_fault_explains_the_failures_in_its_time_if_it_interrupted_the_job() -> None:
    fault = Fault("kill taskmanager", 100.0005, 110.0, felt=True, interrupted=True)
    assert [fault.explains(at_s) for at_s in (99.999, 100.0, 110.0, 110.001)] == [False, True, True, False]
    assert not dataclasses.replace(fault, interrupted=False).explains(105.0)
    made = history_of(evidence(None, None, steps=(dataclasses.replace(STEP, detail="killed"),)))
    assert [(one.trigger, one.detail, one.recovered_after_s) for one in made.faults] == [("after 5 s", "killed", 3.0)]


def test_an_effect_without_an_input_is_named_without_one() -> None:
    unnamed = [call(1, 90.0, None), call(2, 120.0, None)]
    result = check(unnamed, None)
    assert result.validity is Validity.UNKNOWN, "two inputs may have the same content"
    assert said(result).startswith("the effect payments happened twice: call 1 (POST /refunds) before")
    assert "and may be of two inputs: the calls do not name theirs; the agent has no" in said(result)
    named = check([*unnamed, call(3, 90.0), call(4, 120.0)], None)
    assert (named.validity, len(named.findings)) == (Validity.INVALID, 1)


@pytest.mark.parametrize(("number", "action"), [(None, "pay"), (0, None)])
def test_repeated_calls_that_do_not_name_their_action_are_unknown(number: int | None, action: str | None) -> None:
    result = check([call(1, 90.0, number, action), call(2, 120.0, number, action)], [record(0, 90.1)])
    assert result.validity is Validity.UNKNOWN
    assert said(result).endswith("and the calls do not name their action: it may have been in flight")
    wrong = [call(1, 90.0, number, action), call(2, 120.0, number, action), call(3, 90.0), call(4, 120.0)]
    assert check(wrong, [record(0, 90.1)]).validity is Validity.INVALID


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"effects_unknown": "the ledger died"}, "it is not known which actions were executed: the ledger died"),
        ({"action_states_unknown": "compacted"}, "it is not known which actions were executed: compacted"),
        ({"complete": False}, "an action may still be executed again: the job did not read its inputs to the end"),
        ({"job_state": "FAILED"}, "an action may still be executed again: the job did not read its inputs to the end"),
        (
            {"outputs": (Output("c-2", "paid", 1),)},
            'input 1 of key "c-2" has an output, and the action state store has no record of its actions',
        ),
    ],
)
def test_a_witness_that_is_not_whole_makes_it_unknown(fields: dict[str, object], message: str) -> None:
    result = check([call(1, 90.0)], [record(0, 90.1)], **fields)
    assert (result.validity, said(result)) == (Validity.UNKNOWN, message)


KILL_JM = dataclasses.replace(STEP, act="kill jobmanager", began_s=200.0, ended_s=210.0)
LOST = JobException(101_000, "lost")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"restarts": 1}, ""),
        ({"restarts": 1, "exceptions": (LOST,)}, ""),
        ({"restarts": 2, "exceptions": (LOST,)}, "2 times, and 1 of its failures are known: Flink keeps the last ones"),
        ({"restarts": 0, "steps": (KILL_JM,)}, ""),
        ({"restarts": 1, "steps": (STEP, KILL_JM)}, ""),
        # The failure may be from before the kill, whatever came after it.
        (
            {"restarts": 1, "steps": (KILL_JM,), "exceptions": (JobException(300_000, "late"),)},
            "1 times, and 0 of its failures are known: a JobManager that was killed forgets them",
        ),
        ({"restarts": 2, "steps": (STEP, KILL_JM)}, "2 times, and 1 of its failures are known: a JobManager"),
    ],
)
def test_a_failure_that_flink_forgot_makes_it_unknown(fields: dict[str, Any], message: str) -> None:
    result = check([call(1, 90.0)], [record(0, 90.1)], **fields)
    assert (result.validity, message in said(result)) == (Validity.UNKNOWN if message else Validity.VALID, True)
    again = check(None, [record(0, 90.1), record(1, 91.0)], **fields)
    assert again.validity is Validity.INVALID, "a proof stays one"


def test_the_act_of_a_killed_jobmanager_is_the_one_of_the_fault() -> None:
    assert KillJobManager().name == KILL_JOBMANAGER


def test_a_store_without_a_completed_action_is_unknown() -> None:
    result = check([], [record(0, 90.1, completed=False)])
    assert (result.validity, said(result)) == (
        Validity.UNKNOWN,
        "the action state store has no record of a completed action",
    )


def test_twenty_examples_are_shown() -> None:
    keys = tuple(MANY)
    records = [ActionState("job", key, 1, "", "pay", 0, n, 90.0, completed=True) for n, key in enumerate(keys)]
    again = [dataclasses.replace(one, offset=one.offset + 30, at_s=120.0) for one in records]
    assert len(check(None, [*records, *again], keys=keys).findings) == 20


def test_the_history_names_inputs_of_records_and_interruptions_in_order() -> None:
    states = [record(0, 1.0, 2), record(1, 2.0, sequence=3), record(2, 3.0, sequence=0)]
    made = history_of(evidence(None, states, exceptions=(JobException(50_000, "early"), JobException(101_000, "lost"))))
    assert made.actions == (
        RecordedAction(states[0], 2),
        RecordedAction(states[1], None),
        RecordedAction(states[2], None),
    )
    assert made.faults == (Fault("kill taskmanager", 100.0, 110.0, felt=True, interrupted=True),)
    assert made.interruptions == (Interruption("the failure 'early'", 50.0, 50.0), Interruption(KILL, 100.0, 110.0))
    assert isinstance(made, History)


def test_calls_alone_prove_what_ended_if_the_records_cannot_be_read() -> None:
    """The second input of the key had begun; the last action before the kill may have been in flight."""
    calls = [call(1, 90.0), call(2, 95.0, 2), call(3, 120.0), call(4, 121.0, 2)]
    unread = {"action_states_unknown": "another engine's"}
    result = check(calls, None, **unread)
    assert (result.validity, len(result.findings)) == (Validity.INVALID, 1)
    assert f"it had ended, as input 2 of its key had begun, before {KILL} and then came call 3" in said(result)
    assert check([call(1, 90.0), call(2, 120.0)], None, **unread).validity is Validity.UNKNOWN
    assert check([call(1, 90.0), call(2, 95.0, 1), call(3, 120.0)], None, **unread).validity is Validity.UNKNOWN
    assert check(calls, None, engine="the job's own", **unread).validity is Validity.UNKNOWN
    assert check(calls, None, effects_unknown="the ledger died", **unread).validity is Validity.UNKNOWN
