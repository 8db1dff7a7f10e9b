"""Checks of 100,000 outputs take seconds, not minutes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.evidence.model import Event, Evidence

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

_COUNT = 100_000
# Of processor time. Half a second to one on the machine of 2026; the rest is for slower ones.
_LIMIT_S = 4.0
_EFFECTS = "effects: [{name: payments, route: POST /refunds}]\n"


@pytest.fixture(scope="module")
def long_run() -> Evidence:
    """The evidence of 100,000 inputs of 100 keys, each with one output event and one call."""
    keys = tuple(f"k-{number % 100}" for number in range(_COUNT))
    at = "2026-11-29T10:00:00.000001Z"
    kinds = ("_input_event", "_output_event")
    return Evidence(
        "local",
        "2.2.1",
        "bundled",
        events=tuple(Event(kind, {"value": {"n": 1}}, key, at) for key in keys for kind in kinds),
        effects=tuple(
            EffectCall(
                number + 1, 1.0, "effects", "payments", "POST /refunds", "POST", "/refunds", input=number, status=200
            )
            for number in range(_COUNT)
        ),
        input_keys=keys,
        job_state="FINISHED",
        timings_s={"run": 10.0},
    )


@pytest.mark.parametrize(
    ("expect", "validity"),
    [
        ("trajectory: {match: at_most, events: [_input_event, _output_event]}", Validity.INVALID),
        ("latency: {p99_ms: {max: 1}}", Validity.VALID),
        ("effects: {payments: {count: 100000, per_input: 1, order: per_key}}", Validity.VALID),
    ],
)
def test_a_long_run_is_judged_quickly(expect: str, validity: Validity, stated: Stated, long_run: Evidence) -> None:
    began_s = time.process_time()
    (result,) = stated.checks(expect, long_run, _EFFECTS).values()
    assert time.process_time() - began_s < _LIMIT_S
    assert result.validity is validity
