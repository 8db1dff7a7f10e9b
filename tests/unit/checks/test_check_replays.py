"""An input that ends otherwise after a crash is invalid, and a replay that is missing is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.checks.replays import check_replays
from pytest_flink_agents.evidence.model import Evidence, Output
from pytest_flink_agents.evidence.replays import InputRun, RecordedStep, Replay, Replays, UndisturbedRun

PATH = ("always_replay",)
RUN = InputRun(outputs=(1,))
STEPS = (RecordedStep("pay", "shop.refund"), RecordedStep("pay"))


def call(attempt: int | None, step: int | None, *, durable: bool = False, order: int = 1) -> EffectCall:
    where: dict[str, Any] = {"endpoint": "shop", "route": "POST /pay", "method": "POST", "path": "/pay"}
    return EffectCall(
        1, 0.0, "effects", **where, body=order, status=201, input=0, attempt=attempt, step=step, durable=durable
    )


def replays(
    runs: Sequence[InputRun | None] = (RUN, RUN, RUN), calls: Sequence[EffectCall] = (), **more: Any
) -> Replays:
    """Return one replay for each run, from the first crash point on."""
    each = [
        Replay(after + 1, 0, after, run, "" if run else "the process died of SIGSEGV") for after, run in enumerate(runs)
    ]
    undisturbed = (UndisturbedRun(0, "c-1", STEPS, RUN),)
    return replace(Replays(undisturbed, tuple(each), tuple(calls), points=len(each)), **more)


def checked(replayed: Replays | None, *, output: Any = 1) -> CheckResult:
    evidence = Evidence(
        "local", "2.2.1", "bundled", outputs=(Output("c-1", output, 0),), input_keys=("c-1",), replays=replayed
    )
    return check_replays(PATH, evidence)


def test_replays_as_the_undisturbed_run_are_valid() -> None:
    calls = [call(0, 0, durable=True), call(1, 0, durable=True)]
    result = checked(replays(calls=calls))
    assert (result.check, result.validity) == ("replay", Validity.VALID)
    (counted,) = result.findings
    assert counted.message == (
        "3 of 3 crash points replayed; 1 of 1 durable calls have no Idempotency-Key, and would be made twice if a "
        "process died between the call and its record"
    )
    with_key = [replace(each, idempotency_key="k") for each in calls]
    assert checked(replays(calls=with_key)).findings[0].message == "3 of 3 crash points replayed"


def test_drawn_crash_points_are_counted() -> None:
    (counted,) = checked(replays(points=1500, seed=4)).findings
    assert counted.message == "3 of 1,500 crash points replayed, drawn from seed 4"
    (counted,) = checked(replays(points=30)).findings
    assert counted.message == "3 of 30 crash points replayed, evenly chosen"


def test_calls_that_were_made_before_a_real_crash_count() -> None:
    # Attempt 7 is the one that crashed: it made the call, in a durable call whose record is missing or not.
    first, before, again = call(0, 0), call(7, 0), call(2, 0)
    replayed = replays(calls=[first, before, again])
    (one,) = (replace(each, died=7) for each in replayed.replays[1:2])
    result = checked(replace(replayed, replays=(one,)))
    assert result.validity is Validity.INVALID
    assert "is made twice for input 0" in result.findings[0].message
    in_flight = [replace(first, durable=True), replace(before, durable=True, step=1), replace(again, durable=True)]
    assert checked(replace(replayed, replays=(one,), calls=tuple(in_flight))).validity is Validity.VALID
    # The calls of the undisturbed run do not stand for those of an attempt that made none.
    assert checked(replace(replayed, replays=(one,), calls=(first, again))).validity is Validity.VALID


def test_a_difference_names_input_moment_and_remedy() -> None:
    result = checked(replays([InputRun(outputs=(2,)), RUN, InputRun(outputs=(3,))]))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert finding.message == (
        'input 0 of key "c-1" has other outputs if its process dies before anything of it is recorded '
        "(and from 1 more crash points)\n"
        "  next: the agent depends on a random value, the time, or something that only its process held, such as a "
        "global: derive the value from the input, or take it from a durable_execute; keep what later inputs need in "
        "short-term memory"
    )
    assert (finding.expected, finding.seen, finding.key, finding.path) == ([1], [2], "c-1", PATH)


@pytest.mark.parametrize(
    ("run", "words"),
    [
        (InputRun(failure="no"), "fails"),
        (replace(RUN, memory={"a": 1}), "leaves another memory"),
        (replace(RUN, events=(("a", {}),)), "has other events"),
    ],
)
def test_each_difference_has_its_words(run: InputRun, words: str) -> None:
    (finding,) = checked(replays([RUN, run, RUN])).findings
    moment = "after durable call shop.refund of action pay and before action pay is recorded"
    assert finding.message.startswith(f'input 0 of key "c-1" {words} if its process dies {moment}\n')


def test_a_difference_of_two_undisturbed_runs_is_not_blamed_on_a_crash() -> None:
    (finding,) = checked(replays([InputRun(outputs=(2,)), RUN, RUN]), output=5).findings
    assert "next: a second undisturbed run differs, too" in finding.message


def test_values_made_at_import_differ_only_in_the_own_run() -> None:
    # All replays share the import of the undisturbed run.
    result = checked(replays(), output=5)
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert finding.message.startswith(
        'input 0 of key "c-1" has other outputs in a second undisturbed run\n'
        "  next: a second undisturbed run differs, too, so the agent is not deterministic"
    )
    assert (finding.expected, finding.seen, finding.key) == ([5], [1], "c-1")


@pytest.mark.parametrize(
    ("outputs", "validity"),
    [
        (((1, 0), (2, 0)), Validity.VALID),
        (((2, 0), (1, 0)), Validity.VALID),
        (((1, 0), (3, 0)), Validity.INVALID),
        (((1, 0), (2, None)), Validity.UNKNOWN),
        (((1, 0), (3, None)), Validity.UNKNOWN),
    ],
)
def test_outputs_of_the_own_run_are_compared_by_input_in_any_order(
    outputs: tuple[tuple[Any, int | None], ...], validity: Validity
) -> None:
    run = InputRun(outputs=(1, 2))
    replayed = replays([run] * 3, undisturbed=(UndisturbedRun(0, "c-1", STEPS, run),))
    own = tuple(Output("c-1", value, number) for value, number in outputs)
    evidence = Evidence("local", "2.2.1", "bundled", outputs=own, input_keys=("c-1",), replays=replayed)
    assert check_replays(PATH, evidence).validity is validity


def test_the_last_moment_is_after_the_last_record() -> None:
    (finding,) = checked(replays([RUN, RUN, InputRun()])).findings
    assert "if its process dies after action pay\n" in finding.message


def test_an_unprotected_call_is_made_twice() -> None:
    # Made before the first record, and again by the replays with nothing or with one call recorded.
    calls = [call(0, 0), call(0, 0, durable=True, order=2), call(1, 0), call(1, 0, durable=True, order=2), call(2, 0)]
    (finding,) = checked(replays(calls=calls)).findings
    assert finding.message.startswith(
        'POST /pay of shop with 1 is made twice for input 0 of key "c-1" if its process dies before anything of it is '
        "recorded (and from 1 more crash points)\n  next: call it in a durable_execute, or send an Idempotency-Key"
    )


def test_a_durable_call_in_flight_is_no_finding() -> None:
    # The process dies before the record of the call; nothing but the endpoint can protect that time.
    calls = [call(0, 1, durable=True), call(1, 0, durable=True), call(2, 0, durable=True)]
    assert checked(replays(calls=calls)).validity is Validity.VALID


def test_a_durable_call_that_was_recorded_is_not_made_again() -> None:
    calls = [call(0, 0, durable=True), call(1, 0, durable=True), call(2, 0, durable=True)]
    (finding,) = checked(replays(calls=calls)).findings
    assert "is made twice" in finding.message
    assert "next: its durable call had other arguments or another place than recorded" in finding.message


RECONCILED = (RecordedStep("pay", "shop.refund", ended=False), *STEPS)
ASKED = replace(call(2, 0, durable=True), method="GET", body=None)


@pytest.mark.parametrize(
    ("again", "validity"),
    [
        # The replay after the begin finds the call of the undisturbed run at the endpoint.
        ([ASKED], Validity.VALID),
        # Nothing was found, so that the call is made.
        ([ASKED, call(2, 0, durable=True)], Validity.VALID),
        # The reconciler says that the call was made, and cannot know it.
        ([], Validity.UNKNOWN),
        # A later call is not the reconciler's.
        ([replace(ASKED, step=1)], Validity.UNKNOWN),
    ],
)
def test_a_call_that_its_reconciler_finds_made_is_not_missing(again: Sequence[EffectCall], validity: Validity) -> None:
    undisturbed = (UndisturbedRun(0, "c-1", RECONCILED, RUN),)
    calls = [call(0, 1, durable=True), call(1, 0, durable=True), *again]
    result = checked(replays([RUN] * 4, calls, undisturbed=undisturbed))
    assert result.validity is validity
    assert ("its reconciler called no endpoint" in result.findings[0].message) == (validity is Validity.UNKNOWN)


def test_a_reconciler_excuses_its_own_call_only() -> None:
    undisturbed = (UndisturbedRun(0, "c-1", RECONCILED, RUN),)
    # A call after the durable one, which the replay leaves out, too.
    calls = [call(0, 1, durable=True), call(0, 2, order=2), call(1, 0, durable=True), call(1, 1, order=2)]
    result = checked(replays([RUN, RUN], [*calls, ASKED], undisturbed=undisturbed))
    (finding,) = result.findings
    assert finding.message.startswith("POST /pay of shop with 2 is not made")
    # Without a store nothing of a begun call is known after the crash.
    result = checked(replays([RUN], [call(0, 1, durable=True)], undisturbed=undisturbed, with_store=False))
    assert result.validity is Validity.INVALID


def test_without_a_store_every_call_is_made_twice() -> None:
    calls = [call(0, 0, durable=True), call(1, 0, durable=True)]
    (finding,) = checked(replays([RUN], calls, with_store=False)).findings
    assert finding.message.startswith(
        'POST /pay of shop with 1 is made twice for input 0 of key "c-1" if its process dies after durable call '
        "shop.refund of action pay (and from 1 more crash points)\n  next: without an action state store no call is "
        "recorded: add `actionStateStoreBackend: kafka` to config"
    )


def test_without_a_store_the_first_crash_point_is_within_the_first_step() -> None:
    (finding,) = checked(replays([RUN], [call(0, 0), call(1, 0)], with_store=False)).findings
    assert "if its process dies before the end of its first step (and from 2 more" in finding.message
    (finding,) = checked(replays([InputRun()], with_store=False)).findings
    assert "if its process dies anywhere in its run, without an action state store\n" in finding.message


def test_a_call_with_a_drawn_value_is_another_call() -> None:
    calls = [call(0, 0), call(1, 0, order=2)]
    (finding,) = checked(replays([RUN], calls, points=1)).findings
    assert finding.message.startswith('POST /pay of shop with 2 is made only after a crash, for input 0 of key "c-1"')
    assert finding.expected == "no such call"
    # The crash came before the call was made: it is replaced by the other one.
    calls = [call(0, 1), call(1, 0, order=2)]
    (finding,) = checked(replays([RUN], calls)).findings
    assert finding.expected == ["POST /pay of shop with 1"]


def test_a_call_that_a_replay_leaves_out_is_missing() -> None:
    (finding,) = checked(replays([RUN], [call(0, 1)])).findings
    assert finding.message.startswith(
        'POST /pay of shop with 1 is not made for input 0 of key "c-1" if its process dies'
    )


def test_a_long_body_is_not_shown() -> None:
    long = replace(call(0, 1), body="x" * 500)
    (finding,) = checked(replays([RUN], [long])).findings
    assert finding.message.startswith("POST /pay of shop is not made")
    (finding,) = checked(replays([RUN], [replace(long, body=None)])).findings
    assert finding.message.startswith("POST /pay of shop is not made")


@pytest.mark.parametrize(
    ("replayed", "reason"),
    [
        (None, "nothing was replayed, because the run itself did not reach its end"),
        (replays([RUN, None, RUN]), "input 0 could not be replayed after step 1: the process died of SIGSEGV"),
        (replays(unknown="the undisturbed run failed"), "the undisturbed run failed"),
        (replays([], undisturbed=()), "0 of 1 inputs were run undisturbed"),
        (replays(calls=[call(None, None)]), "does not say which replay made it (1 such calls)"),
        (replays(calls=[call(0, None), call(1, 0)]), "does not say which replay made it (1 such calls)"),
    ],
)
def test_what_is_missing_makes_the_answer_unknown(replayed: Replays | None, reason: str) -> None:
    result = checked(replayed)
    assert result.validity is (Validity.UNKNOWN)
    assert reason in result.findings[0].message


def test_no_crash_point_at_all_is_unknown() -> None:
    assert checked(replays([])).validity is Validity.UNKNOWN


def test_a_proven_difference_outweighs_a_doubt() -> None:
    assert checked(replays([InputRun(), None, RUN])).validity is Validity.INVALID
