"""The words ``downtime`` and ``upgrade``, as a reader of a failed scenario sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_flink_agents.evidence.model import Evidence, Output, StepRecord
from pytest_flink_agents.evidence.upgrade import STOP, Upgrade, Version

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

UPGRADED = "tiers: [embedded]\nupgrade: {from: {agent: shop.agents:RefundAgent}, after: {outputs: 1}}\n"
SAVEPOINT = "file:/run/savepoints/savepoint-1"
STOPPED = StepRecord(
    "after 1 outputs", f"{STOP}candidate", 2.0, True, SAVEPOINT, interrupted=True, began_s=100.0, ended_s=101.0
)
PLAN = {"actions": {"pay": {"listen_event_types": ["_input_event"]}}}
RENAMED = {"actions": {"refund": {"listen_event_types": ["_input_event"]}}}


def run(restored: str = SAVEPOINT, candidate: object = PLAN) -> Evidence:
    versions = (
        Version("baseline", "agent shop:V1", "a"),
        Version("candidate", "agent shop:V2", "b", SAVEPOINT, restored),
    )
    return Evidence(
        "embedded",
        "2.2.1",
        "bundled",
        outputs=(Output("c-1", 1, 0, at_s=99.0), Output("c-2", 2, 1, at_s=108.5)),
        input_keys=("c-1", "c-2"),
        job_state="FINISHED",
        log_errors=(),
        steps=(STOPPED,),
        upgrade=Upgrade(versions, 2, PLAN, candidate),  # type: ignore[arg-type]
    )


def test_a_long_downtime_is_invalid(stated: Stated) -> None:
    delivery = "delivery: {outputs: exactly_once}\n"
    stated.passes(f"{delivery}downtime: 9s", run(), UPGRADED)
    stated.fails("downtime", f"{delivery}downtime: 5s", run(), UPGRADED)


def test_a_fresh_start_and_a_renamed_action_are_invalid(stated: Stated) -> None:
    stated.fails("delivery-upgrade", "delivery: {outputs: exactly_once}", run("", RENAMED), UPGRADED)
