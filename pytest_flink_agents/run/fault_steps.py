"""The faults of a scenario as steps of its timeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from flink_testbed.faults import Fault, KillBroker, KillJobManager, KillTaskManager, PauseProcess
from flink_testbed.ledger.ledger import LedgerRun
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


def with_faults(setup: FlinkSetup, faults: Faults | None) -> FlinkSetup:
    """Return the setup with a cluster that may be broken, unchanged without faults.

    Under pytest-xdist, other scenarios run on the session's cluster.
    """
    table = timetable(faults)
    if not table:
        return setup
    outlives_jobmanager = any(fault.kill == "jobmanager" for fault in table)
    variant = dataclasses.replace(setup.variant, breakable=True, high_availability=outlives_jobmanager)
    return dataclasses.replace(setup, variant=variant)


def fault_steps(faults: Faults | None, ledger: LedgerRun | None) -> tuple[Step, ...]:
    """Return one step for each fault. ``ledger`` records the calls that some wait for."""
    return tuple(Step(_trigger(fault.after, ledger), InjectFault(_fault(fault))) for fault in timetable(faults))


def _trigger(after: After, ledger: LedgerRun | None) -> Trigger:
    if after.effect is not None:
        assert ledger is not None, "an effect to wait for is declared, so there is a ledger"
        return AfterEffect(after.effect, ledger.file)
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
