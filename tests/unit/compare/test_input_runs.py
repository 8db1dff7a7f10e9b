"""Two runs of one input are compared in what they did, and in the calls that they made."""

from __future__ import annotations

from typing import Any

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.compare.input_runs import (
    Aspect,
    CallDifferences,
    Difference,
    call_differences,
    run_differences,
)
from pytest_flink_agents.evidence.replays import InputRun

ONE, OTHER = "0b9f1f66-1c4e-4b62-8f4e-000000000001", "0b9f1f66-1c4e-4b62-8f4e-000000000002"


def run(**more: Any) -> InputRun:
    values: dict[str, Any] = {
        "outputs": (1,),
        "events": (("a", {"n": 1}),),
        "memory": {"total": 1},
        "failure": "",
    } | more
    return InputRun(**values)


def call(number: int = 1, **more: Any) -> EffectCall:
    values: dict[str, Any] = {
        "body": {"order": number},
        "status": 200,
        "method": "POST",
        "route": "POST /pay",
        "source": "effects",
    }
    values |= more
    return EffectCall(sequence=1, at_s=0.0, endpoint="shop", path="/pay", **values)


def test_equal_runs_have_no_difference() -> None:
    assert run_differences(run(), run()) == ()


@pytest.mark.parametrize(
    ("other", "differences"),
    [
        (run(outputs=(1, 1)), [Difference(Aspect.OUTPUTS, [1], [1, 1])]),
        (run(outputs=(True,)), [Difference(Aspect.OUTPUTS, [1], [True])]),
        (run(memory={}), [Difference(Aspect.MEMORY, {"total": 1}, {})]),
        (run(events=(("a", {"n": 2}),)), [Difference(Aspect.EVENTS, [["a", {"n": 1}]], [["a", {"n": 2}]])]),
        # Events follow from what went wrong before, and everything from a failure.
        (
            run(outputs=(), memory={"total": 2}, events=()),
            [Difference(Aspect.OUTPUTS, [1], []), Difference(Aspect.MEMORY, {"total": 1}, {"total": 2})],
        ),
        (run(outputs=(), failure="no"), [Difference(Aspect.FAILURE, "no failure", "no")]),
    ],
)
def test_each_aspect_of_a_run_is_compared(other: InputRun, differences: list[Difference]) -> None:
    assert list(run_differences(run(), other)) == differences


def test_a_failure_of_the_expected_run_is_missed() -> None:
    assert run_differences(run(failure="no"), run()) == (Difference(Aspect.FAILURE, "no", "no failure"),)


@pytest.mark.parametrize(
    ("one", "other"), [(ONE, OTHER), ("call_1_0", "call_4_0"), ("toolu_1_0", "toolu_2_0"), ("chatcmpl-1", "chatcmpl-2")]
)
def test_drawn_ids_are_equal_in_events_and_in_a_memory_of_them(one: str, other: str) -> None:
    expected, seen = (run(events=(("ask", {"id": name}),), memory={"asked": name}) for name in (one, other))
    assert run_differences(expected, seen) == ()
    # An id that no event has is the agent's own.
    expected, seen = (run(memory={"asked": name}) for name in (one, other))
    assert run_differences(expected, seen) == (Difference(Aspect.MEMORY, {"asked": one}, {"asked": other}),)


def test_a_name_that_only_looks_drawn_is_compared() -> None:
    assert run_differences(run(events=(("ask", "call_center"),)), run(events=(("ask", "call_home"),)))


def test_drawn_ids_are_equal_at_the_same_places_of_events() -> None:
    asks, answers = ("ask", {"id": ONE}), ("answer", {"to": ONE})
    same = run(events=(("ask", {"id": OTHER}), ("answer", {"to": OTHER})))
    crossed = run(events=(("ask", {"id": OTHER}), ("answer", {"to": ONE})))
    assert run_differences(run(events=(asks, answers)), same) == ()
    (difference,) = run_differences(run(events=(asks, answers)), crossed)
    assert difference.seen == [["ask", {"id": "id-1"}], ["answer", {"to": "id-2"}]]
    # An output with an id drawn anew is another output.
    assert run_differences(run(outputs=(ONE,)), run(outputs=(OTHER,)))


def test_what_an_output_event_holds_is_compared_as_an_output() -> None:
    expected, seen = (run(events=(("_output_event", {"output": n}),)) for n in (1, 2))
    assert run_differences(expected, seen) == ()
    assert run_differences(expected, run(events=()))


def test_calls_are_compared_in_whatever_order() -> None:
    assert call_differences([call(1), call(2)], [call(2), call(1)]) == CallDifferences()


def test_a_repeated_call_is_distinguished_from_another_one() -> None:
    found = call_differences([call(1)], [call(1), call(1), call(2)])
    assert found == CallDifferences(repeated=(call(1),), other=(call(2),))


def test_a_call_that_is_not_made_is_missing() -> None:
    assert call_differences([call(1), call(1)], [call(1)]) == CallDifferences(missing=(call(1),))


@pytest.mark.parametrize(
    "harmless",
    [
        {"method": "GET"},
        {"source": "llm"},
        {"route": ""},
        {"status": 503},
        {"replayed": True, "idempotency_key": "k"},
    ],
)
def test_a_call_without_an_effect_may_be_repeated(harmless: dict[str, Any]) -> None:
    made = call(idempotency_key="k")
    assert call_differences([made], [made, call(**harmless)]) == CallDifferences()


def test_an_endpoint_may_know_an_idempotency_key_from_the_undisturbed_run() -> None:
    # The crash came before the call: in this run it is the first one.
    first = call(idempotency_key="k")
    again = call(idempotency_key="k", replayed=True)
    assert call_differences([first], [again]) == CallDifferences()
    assert call_differences([first], [again, again]) == CallDifferences()


def test_a_reset_call_may_have_had_its_effect() -> None:
    assert call_differences([], [call(status=None)]).other
