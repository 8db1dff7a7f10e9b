"""The faults of a scenario as steps of its timeline."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.faults import (
    DisturbNetwork,
    FailCheckpoints,
    Fault,
    FillDisk,
    KillBroker,
    KillJobManager,
    KillPythonWorkers,
    KillTaskManager,
    PauseProcess,
)
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.options import EXECUTION_MODE
from flink_testbed.network import BOTH, Cut, Delay, Direction, Disturbance, Loss
from pytest_flink_agents.provision.flink_setup import HARNESS, ConfigRow, FlinkSetup
from pytest_flink_agents.run.timeline import (
    AfterCheckpoints,
    AfterEffect,
    AfterEvent,
    AfterOutputs,
    AfterSeconds,
    InjectFault,
    Rescale,
    Step,
    Trigger,
)
from pytest_flink_agents.scenario.faults import DEFAULT_BY_S, DEFAULT_SHARE, After, Faults, timetable
from pytest_flink_agents.scenario.faults import Fault as FaultWords

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun
    from flink_testbed.network import Proxy

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
    widest = max((fault.rescale.parallelism for fault in table if fault.rescale), default=0)
    variant = dataclasses.replace(
        setup.variant,
        options=tuple(sorted({**noticed, **dict(setup.variant.options)}.items())),
        slots=max(setup.variant.slots, widest) if widest > ClusterConfig().slots else setup.variant.slots,
        breakable=True,
        high_availability=any(fault.kill == "jobmanager" for fault in table),
        rpc_proxy=any(fault.link == "taskmanager" for fault in table),
    )
    setup = dataclasses.replace(setup, variant=variant)
    return _in_process_mode(setup) if any(fault.kill == "python_worker" for fault in table) else setup


def _in_process_mode(setup: FlinkSetup) -> FlinkSetup:
    """Return the setup with Python workers as processes.

    Raises ``HostError`` FA440 if the scenario or the team's file wants thread mode.
    """
    if setup.job.get(EXECUTION_MODE) == "thread":
        raise HostError(
            Problem(
                "FA440",
                "thread mode has no Python worker to kill: Python runs in the TaskManager",
                where=setup.rows[EXECUTION_MODE].source,
                expected=f"{EXECUTION_MODE}: process",
                seen=f"{EXECUTION_MODE}: thread",
                next_step="remove that option, or kill: taskmanager",
            )
        )
    if EXECUTION_MODE in setup.job:
        return setup
    row = ConfigRow("process", HARNESS, "kill: python_worker needs a process")
    rows = {**setup.rows, EXECUTION_MODE: row}
    return dataclasses.replace(setup, job={**setup.job, EXECUTION_MODE: "process"}, rows=rows)


def fault_steps(
    faults: Faults | None,
    ledger: LedgerRun | None,
    proxies: Mapping[str, Proxy],
    rescale: Callable[[int], Rescale],
) -> tuple[Step, ...]:
    """Return one step for each fault.

    ``ledger`` records the calls that some wait for; ``proxies`` are those of the parts that some name. ``rescale`` returns
    the act that gives the job another parallelism.
    """
    return tuple(
        Step(
            trigger_of(fault.after, ledger),
            rescale(fault.rescale.parallelism) if fault.rescale else InjectFault(_fault(fault, proxies)),
        )
        for fault in timetable(faults)
    )


def trigger_of(after: After, ledger: LedgerRun | None) -> Trigger:
    """Return the trigger of a moment; ``ledger`` records the calls that it may wait for."""
    if after.effect is not None:
        assert ledger is not None, "an effect to wait for is declared, so there is a ledger"
        return AfterEffect(after.effect, ledger.so_far)
    if after.event is not None:
        return AfterEvent(after.event)
    if after.outputs is not None:
        return AfterOutputs(after.outputs)
    return AfterCheckpoints(after.checkpoint) if after.checkpoint is not None else AfterSeconds(after.seconds or 0.0)


def _fault(words: FaultWords, proxies: Mapping[str, Proxy]) -> Fault:
    if words.link:
        verb = next(act for act in ("cut", "delay", "lose") if getattr(words, act))
        return DisturbNetwork(f"{verb} {words.link}", proxies[words.link], _disturbance(words), words.seconds)
    if words.pause:
        return PauseProcess(words.pause, words.seconds)
    if words.fail:
        return FailCheckpoints(words.seconds)
    if words.fill_disk:
        return FillDisk(words.seconds)
    killed: Mapping[str, Fault] = {
        "taskmanager": KillTaskManager(),
        "jobmanager": KillJobManager(),
        "python_worker": KillPythonWorkers(),
        "broker": KillBroker(words.seconds),
    }
    return killed[words.kill or ""]


def _disturbance(words: FaultWords) -> Disturbance:
    directions = BOTH if words.direction in (None, "both") else frozenset({Direction(words.direction)})
    if words.delay:
        return Delay(directions, DEFAULT_BY_S if words.by is None else words.by)
    if words.lose:
        return Loss(directions, DEFAULT_SHARE if words.share is None else words.share)
    return Cut(directions)
