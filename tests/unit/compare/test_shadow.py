"""A candidate in the shadow of a baseline."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flink_testbed.ledger.entry import EffectCall, History
from flink_testbed.ledger.recording import HELD_BACK
from pytest_flink_agents.compare.shadow import ShadowComparison, ShadowSide, compare_shadow, late_calls, late_outputs
from pytest_flink_agents.compare.sides import AllowRule
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.scenario.comparison import allow_path

SHADOW = range(2, 4)
OUTPUTS = tuple(Output("k", {"n": number, "by": "v1"}, number) for number in range(4))


def call(number: int | None, body: str = "tea", fault: str = "") -> EffectCall:
    return EffectCall(
        1, 0.0, "effects", "kitchen", "POST /t", "POST", "/t", key="k", input=number, body=body, status=200, fault=fault
    )


CALLS = tuple(call(number) for number in range(4))
BASELINE = ShadowSide(OUTPUTS, History(CALLS))
CANDIDATE = ShadowSide(OUTPUTS[2:], History(CALLS[2:]))


def compared(candidate: ShadowSide, baseline: ShadowSide = BASELINE, *allow: str) -> ShadowComparison:
    return compare_shadow(baseline, candidate, SHADOW, [AllowRule(text, allow_path(text)) for text in allow])


def places(found: ShadowComparison) -> list[str]:
    return [one.place for one in found.differences]


def test_the_same_outputs_and_effects_of_the_shadow_are_no_difference() -> None:
    assert compared(CANDIDATE) == ShadowComparison(outputs=2, calls=2)


def test_outputs_of_inputs_that_were_at_work_are_the_last_ones_of_the_baseline() -> None:
    again = replace(CANDIDATE, outputs=OUTPUTS[1:])
    assert compared(again).differences == ()
    other = replace(CANDIDATE, outputs=(Output("k", {"n": 1, "by": "v2"}, 1), *OUTPUTS[2:]))
    assert places(compared(other)) == ["output 1 by"]
    assert compared(other, BASELINE, "outputs[*].value.by").differences == (), "a rule holds for them, too"
    twice = replace(CANDIDATE, outputs=(OUTPUTS[1], OUTPUTS[1], *OUTPUTS[2:]))
    assert len(compared(twice).differences) == 1
    unserved = replace(BASELINE, outputs=OUTPUTS[2:])
    assert compared(again, unserved).differences[0].baseline == "-"


@pytest.mark.parametrize(
    ("outputs", "place"),
    [
        (OUTPUTS[2:3], "output 2"),
        ((*OUTPUTS[2:], OUTPUTS[3]), "output 3"),
        ((OUTPUTS[2], Output("k", {"n": 3, "by": "v2"}, 3)), "output 2 by"),
    ],
    ids=["missing", "doubled", "other"],
)
def test_each_other_output_is_a_difference(outputs: tuple[Output, ...], place: str) -> None:
    assert places(compared(replace(CANDIDATE, outputs=outputs))) == [place]


def test_outputs_of_one_key_in_another_order_are_a_difference() -> None:
    assert compared(replace(CANDIDATE, outputs=(OUTPUTS[3], OUTPUTS[2]))).differences


@pytest.mark.parametrize(
    "calls",
    [CALLS[2:3], (*CALLS[2:], CALLS[3]), (CALLS[2], call(3, "milk")), (CALLS[2], call(3, "milk", HELD_BACK))],
    ids=["missing", "repeated", "other", "refused"],
)
def test_each_other_effect_is_a_difference(calls: tuple[EffectCall, ...]) -> None:
    assert compared(replace(CANDIDATE, calls=History(calls))).differences


def test_a_refused_call_of_an_input_that_was_at_work_is_a_difference() -> None:
    found = compared(replace(CANDIDATE, calls=History((call(1, "milk", HELD_BACK), *CALLS[2:]))))
    assert places(found) == ["effect of kitchen"]
    assert compared(replace(CANDIDATE, calls=History((call(1), *CALLS[2:])))).differences == ()


def test_a_refused_call_that_the_baseline_made_later_says_nothing() -> None:
    early = replace(CANDIDATE, calls=History((CALLS[2], call(3, fault=HELD_BACK))))
    assert compared(early).ahead
    before = replace(CANDIDATE, calls=History((call(1, fault=HELD_BACK), *CALLS[2:])))
    assert (compared(before).ahead, compared(before).differences) == (True, ())
    again = replace(CANDIDATE, calls=History((*CALLS[2:], call(3, fault=HELD_BACK))))
    assert not compared(again).ahead, "it was made once more than the baseline did"
    assert compared(again).differences


def test_what_came_after_the_judgement_stands_beside_nothing() -> None:
    (late,) = late_calls([call(3, "milk")])
    assert (late.place, late.baseline, "milk" in late.candidate) == ("effect of kitchen", "-", True)
    (output,) = late_outputs([Output("k", {"n": 3}, 3)])
    assert (output.key, output.place, output.baseline, output.candidate) == ('"k"', "output", "-", '{"n": 3}')


def test_a_place_may_differ_and_a_rule_that_allowed_nothing_is_a_remark() -> None:
    polite = replace(CANDIDATE, outputs=tuple(Output("k", {"n": number, "by": "v2"}, number) for number in SHADOW))
    assert len(compared(polite).differences) == 2
    assert compared(polite, BASELINE, "outputs[*].value.by").differences == ()
    found = compared(CANDIDATE, BASELINE, "outputs[*].value.by")
    assert found.remarks == ("allow: outputs[*].value.by matched nothing",)


@pytest.mark.parametrize(
    ("candidate", "doubt"),
    [
        (replace(CANDIDATE, calls=History(CALLS[2:], "it died")), "calls of the candidate may be missing: it died"),
        (
            replace(CANDIDATE, calls=History((*CALLS[2:], call(None)))),
            "calls of the candidate do not name their inputs",
        ),
    ],
)
def test_what_cannot_be_told_apart_is_a_doubt(candidate: ShadowSide, doubt: str) -> None:
    assert compared(candidate).doubts == (doubt,)


def test_outputs_that_do_not_name_their_inputs_are_a_doubt() -> None:
    silent = replace(BASELINE, outputs=(*OUTPUTS, Output("k", 1)))
    assert compared(CANDIDATE, silent).doubts == ("outputs of the baseline do not name their inputs",)
