"""A difference that may not be is invalid, and what may hide one is unknown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.comparison import Side, check_comparison, compare_sides
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.compare.sides import AllowRule, Comparison
from pytest_flink_agents.evidence.model import Event, Evidence, Failure, MemoryOfKey, Output
from pytest_flink_agents.scenario.comparison import allow_path


def tool(amount: int) -> Event:
    call = {"id": "call_1_1", "function": {"name": "pay_back", "arguments": {"amount": amount}}}
    return Event("_tool_request_event", {"model": "m", "tool_calls": [call]}, "a")


def call(amount: int, key: Any = "a", **more: Any) -> EffectCall:
    return EffectCall(
        1,
        0.0,
        "effects",
        "shop",
        "POST /pay",
        "POST",
        "/pay",
        key=key,
        body={"amount": amount},
        **{"status": 201, **more},
    )


RUN = Evidence(
    "local",
    "2.2.1",
    "bundled",
    outputs=(Output("a", "paid", 0),),
    events=(Event("_input_event", {"input": 1}, "a"), tool(20), Event("_output_event", {"output": "paid"}, "a")),
    effects=(call(20),),
    input_keys=("a",),
    memory=(MemoryOfKey("a", {"paid": 20}),),
    job_state="FINISHED",
)


def compared(candidate: Evidence, baseline: Evidence = RUN, *allow: str, **more: Any) -> Comparison:
    rules = [AllowRule(text, allow_path(text)) for text in allow]
    return compare_sides(Side("baseline", baseline), Side("candidate", candidate), rules, **more)


def records(comparison: Comparison) -> list[tuple[str, str]]:
    return [(row.record or row.aspect, row.place) for row in comparison.rows]


def with_tool(amount: int) -> Evidence:
    return replace(RUN, events=(RUN.events[0], tool(amount), RUN.events[2]))


def test_equal_runs_are_identical() -> None:
    comparison = compared(RUN)
    assert (comparison.summary, comparison.remarks) == ("identical, 1 key", ())
    assert check_comparison(comparison).validity is Validity.VALID


def test_a_changed_tool_call_is_the_only_difference() -> None:
    comparison = compared(with_tool(25))
    assert records(comparison) == [("tool call 1 pay_back", "args.amount")]
    result = check_comparison(comparison)
    assert result.validity is Validity.INVALID
    assert result.findings[0].message == "candidate beside baseline: 1 of 1 key differ in tool calls"


@pytest.mark.parametrize(
    ("change", "record", "allow"),
    [
        ({"outputs": (Output("a", "refused", 0),)}, ("output 1", ""), "outputs[*].value"),
        ({"effects": (call(25),)}, ("effect 1 POST /pay of shop", "body.amount"), "effects[*].body.amount"),
        ({"memory": (MemoryOfKey("a", {"paid": 1}),)}, ("memory", "paid"), "memory.paid"),
        (
            {"events": (*RUN.events, Event("audited", {"by": "x"}, "a"))},
            ("event 4 audited", ""),
            "",
        ),
    ],
)
def test_each_aspect_differs_unless_it_is_allowed(change: dict[str, Any], record: tuple[str, str], allow: str) -> None:
    candidate = replace(RUN, **change)
    assert records(compared(candidate)) == [record]
    if allow:
        comparison = compared(candidate, RUN, allow)
        whole = (f"allow: {allow} leaves only the number of them compared",) if allow == "outputs[*].value" else ()
        assert (comparison.rows, comparison.remarks) == ((), whole)
        assert check_comparison(comparison).validity is Validity.VALID


def test_a_refused_call_is_a_difference() -> None:
    held = call(25, status=403, fault="held back")
    assert records(compared(replace(RUN, effects=(call(20), held)))) == [("effect 2 POST /pay of shop", "")]


def test_calls_have_an_order_for_each_endpoint() -> None:
    one, other, elsewhere = call(1), call(2), replace(call(1), endpoint="stock")
    assert compared(replace(RUN, effects=(elsewhere, one)), replace(RUN, effects=(one, elsewhere))).rows == ()
    assert len(compared(replace(RUN, effects=(other, one)), replace(RUN, effects=(one, other))).rows) == 2


def test_a_rule_in_vain_is_a_remark() -> None:
    comparison = compared(RUN, RUN, "outputs[*].value.text")
    assert comparison.remarks == ("allow: outputs[*].value.text matched nothing",)
    result = check_comparison(comparison)
    assert result.validity is Validity.VALID
    assert result.findings[1].message == comparison.remarks[0]


def test_the_memory_is_compared_if_both_runs_show_it() -> None:
    comparison = compared(replace(RUN, memory=None), RUN, "memory.paid")
    assert comparison.rows == ()
    (remark,) = comparison.remarks
    assert "the memory is not compared" in remark


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        ({"complete": False}, "missed its deadline"),
        ({"effects_unknown": "the ledger died"}, "the ledger died"),
        ({"effects": None}, "only one of the runs has a record of its effects"),
        ({"events_unknown": "too many"}, "too many"),
        ({"events": ()}, "no input event was logged"),
        ({"restarts": 1}, "restarted"),
        ({"input_keys": ("b",)}, "other inputs"),
        ({"job_state": "CANCELED"}, "is not known: CANCELED"),
        (
            {"events": (RUN.events[0], Event("_tool_request_event", {"tool_calls": {"truncatedList": 1}}, "a"))},
            "is cut",
        ),
    ],
)
def test_what_may_hide_a_difference_is_unknown(change: dict[str, Any], doubt: str) -> None:
    doubtful = replace(RUN, **change)
    for comparison in (compared(doubtful), compared(RUN, doubtful)):
        result = check_comparison(comparison)
        assert result.validity is Validity.UNKNOWN
        assert doubt in result.findings[0].message


def test_a_difference_from_a_baseline_that_restarted_is_unknown() -> None:
    baseline = replace(RUN, restarts=1, outputs=(Output("a", "refused", 0),))
    comparison = compared(RUN, baseline)
    assert comparison.doubts == ("the job of the baseline restarted, and a restart repeats calls and events",)
    assert check_comparison(comparison).validity is Validity.UNKNOWN
    assert check_comparison(compared(baseline)).validity is Validity.INVALID


def test_a_doubt_does_not_hide_a_difference_that_is_seen() -> None:
    candidate = replace(RUN, events_unknown="too many", outputs=(Output("a", "refused", 0),))
    assert check_comparison(compared(candidate)).validity is Validity.INVALID


def test_without_a_baseline_nothing_is_known() -> None:
    comparison = compare_sides(Side("baseline", None, "the baseline could not be built"), Side("candidate", RUN))
    assert check_comparison(comparison).validity is Validity.UNKNOWN
    assert comparison.doubts == ("the baseline could not be built",)


def test_a_baseline_that_failed_shows_nothing_and_a_candidate_that_failed_differs() -> None:
    failed = replace(RUN, outputs=(), failure=Failure("no", type="ValueError", action="pay", key="a"))
    assert check_comparison(compared(RUN, failed)).validity is Validity.UNKNOWN
    comparison = compared(failed)
    assert [(row.aspect, row.candidate) for row in comparison.rows] == [("failure", '"ValueError: no"')]
    assert check_comparison(compared(failed, failed)).validity is Validity.VALID


def test_a_failed_run_without_the_outputs_or_events_of_the_baseline_is_unknown() -> None:
    failed = replace(RUN, failure=Failure("no", type="ValueError", action="pay", key="a"), job_state="FAILED")
    result = check_comparison(compared(replace(failed, outputs=()), failed))
    assert result.validity is Validity.UNKNOWN
    assert "the failed candidate lacks 1 record of the baseline" in result.findings[0].message
    off = replace(failed, events=(), config={"event-log.level": {"value": "OFF"}})
    assert check_comparison(compared(off, off)).validity is Validity.UNKNOWN


def test_a_stored_run_of_other_inputs_shows_nothing() -> None:
    other = replace(RUN, events=(Event("_input_event", {"input": 2}, "a"), *RUN.events[1:]))
    assert compared(RUN, other, stored=True).doubts == (
        "the event logs do not show that the baseline had the same inputs",
    )
    assert compared(RUN, RUN, stored=True).doubts == ()
