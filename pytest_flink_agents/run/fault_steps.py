"""The faults of a scenario as steps of its timeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from flink_testbed.faults import Fault, KillBroker, KillJobManager, KillTaskManager, PauseProcess
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run.timeline import (
    AfterCheckpoints,
    AfterEffect,
    AfterOutputs,
    AfterSeconds,
    InjectFault,
    Step,
    Trigger,
)
from pytest_flink_agents.scenario.faults import After, Faults, timetable
from pytest_flink_agents.scenario.faults import Fault as FaultWords

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun

# A killed TaskManager is noticed after two heartbeats without an answer. The time-out stays above
# a long pause of a loaded machine.
_NOTICED_SOON = {"heartbeat.interval": "500ms", "heartbeat.timeout": "10s"}


def with_faults(setup: FlinkSetup, faults: Faults | None) -> FlinkSetup:
    """Return the setup with a cluster that may be broken, unchanged without faults.

    Under pytest-xdist, other scenarios run on the session's cluster.
    """
    table = timetable(faults)
    if not table:
        return setup
    # An option that the scenario or the team's file gives stays, also if it is the session's default.
    noticed = {key: value for key, value in _NOTICED_SOON.items() if key not in setup.rows}
    variant = dataclasses.replace(
        setup.variant,
        options=tuple(sorted({**noticed, **dict(setup.variant.options)}.items())),
        breakable=True,
        high_availability=any(fault.kill == "jobmanager" for fault in table),
    )
    return dataclasses.replace(setup, variant=variant)


def fault_steps(faults: Faults | None, ledger: LedgerRun | None) -> tuple[Step, ...]:
    """Return one step for each fault. ``ledger`` records the calls that some wait for."""
    return tuple(Step(_trigger(fault.after, ledger), InjectFault(_fault(fault))) for fault in timetable(faults))


def _trigger(after: After, ledger: LedgerRun | None) -> Trigger:
    if after.effect is not None:
        assert ledger is not None, "an effect to wait for is declared, so there is a ledger"
        return AfterEffect(after.effect, ledger.so_far)
    if after.outputs is not None:
        return AfterOutputs(after.outputs)
    return AfterCheckpoints(after.checkpoint) if after.checkpoint is not None else AfterSeconds(after.seconds or 0.0)


def _fault(words: FaultWords) -> Fault:
    if words.pause:
        return PauseProcess(words.pause, words.seconds)
    killed: Mapping[str, Fault] = {
        "taskmanager": KillTaskManager(),
        "jobmanager": KillJobManager(),
        "broker": KillBroker(words.seconds),
    }
    return killed[words.kill or ""]
