"""TaskManagers die again and again under one job, in the middle of actions and of checkpoints."""

from __future__ import annotations

import math
import random
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from statistics import median

import pytest

from flink_testbed.core import clock
from flink_testbed.faults import FaultTarget, KillTaskManager
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.kafka.service import KafkaService
from flink_testbed.kafka.topic_names import topic_name
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_action_delivery, check_delivery
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.timeline import check_timeline
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run.action_topic import ActionTopic
from pytest_flink_agents.run.endpoints import Endpoints
from pytest_flink_agents.run.timeline import InjectFault, Step, Trigger
from pytest_flink_agents.run.timeline.triggers import Progress
from tests.support.own_cluster import own_cluster
from tests.support.runs import AgentRun, run, through_topics

pytestmark = pytest.mark.slow

SEED = 7
KEYS, PARALLELISM = 20, 2
# About four seconds of work for each kill.
INPUTS_PER_KILL = 40
# A machine that does much else at the same time takes many times what a quiet one does.
PATIENCE_S, PATIENCE_PER_KILL_S = 300, 60
# A checkpoint waits for the records in Flink's buffers. Of an unaligned one they would be processed before the restored
# task counts as running, so that the job could be done by then: few and long records, in small buffers, instead.
NOTE = "x" * 1000
OPTIONS = {
    "taskmanager.memory.segment-size": "4kb",
    "taskmanager.network.memory.buffers-per-channel": "1",
    "taskmanager.network.memory.floating-buffers-per-gate": "1",
    "heartbeat.interval": "200ms",
    "heartbeat.timeout": "10s",
    "web.exception-history-size": "1000",
    "web.checkpoints.history": "100",
    # REST shows a job as it was up to so many milliseconds ago.
    "web.refresh-interval": "50",
}
CHECKPOINTED = {
    "execution.checkpointing.interval": "500ms",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "100000",
    "restart-strategy.fixed-delay.delay": "1ms",
}
# A call is recorded before it is answered, and takes a while, so that kills fall into it.
SERVICE = {"name": "payments", "route": "POST /{what}", "reply": {"status": 201}, "fault": {"delay": "100ms"}}


class AfterCalls(Trigger):
    """Fires once the service has had so many calls, and a moment after the recovery from the kill before."""

    def __init__(self, calls: Callable[[], int], count: int, pause_s: float) -> None:
        self._calls, self._count, self._pause_s = calls, count, pause_s
        self._from_s: float | None = None

    def __str__(self) -> str:
        return f"after {self._count} calls and {self._pause_s:.3f} s"

    def due(self, progress: Progress) -> bool:
        """Return whether the moment has come."""
        if self._from_s is None:
            self._from_s = progress.elapsed_s
        return progress.elapsed_s >= self._from_s + self._pause_s and self._calls() >= self._count


@dataclass(frozen=True, slots=True)
class KillAndNote(KillTaskManager):
    """Kill a TaskManager, and note when.

    ``in_checkpoint`` waits for the next checkpoint to begin, if it begins soon.
    """

    in_checkpoint: bool
    kills: list[tuple[float, bool]]

    def inject(self, target: FaultTarget) -> str:
        """Kill the TaskManager that runs the job."""
        until_s = clock.now_s() + 1.0

        def in_progress() -> bool:
            return target.cluster.rest.checkpoint_counts(target.job_id)["in_progress"] > 0

        while not (begun := in_progress()) and self.in_checkpoint and clock.now_s() < until_s:
            clock.pause(0.02)
        detail = KillTaskManager.inject(self, target)
        self.kills.append((clock.wall_time_s(), begun))
        return detail


@pytest.fixture
def standby_cluster(session_environment: TestEnvironment, tmp_path: Path) -> Iterator[TestEnvironment]:
    """A cluster with one TaskManager too many: the job moves there while another one starts."""
    config = ClusterConfig(taskmanagers=2, slots=PARALLELISM, flink_options=OPTIONS)
    with own_cluster(session_environment, tmp_path / "cluster", config) as own:
        yield own


@pytest.fixture
def actions(kafka_service: KafkaService) -> Iterator[ActionTopic]:
    """A topic for action states, with the times of the broker."""
    name = topic_name(kafka_service.run_id, "kills-actions")
    options = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
    kafka_service.create_topic(name, partitions=PARALLELISM, config=options)
    topic = ActionTopic(kafka_service, name)
    yield topic
    topic.close()


def timetable(count: int, calls: Callable[[], int], kills: list[tuple[float, bool]]) -> list[Step]:
    """Return kills at random moments of the first three quarters of the work: the job must not end before the last."""
    chance = random.Random(SEED)
    last = count * INPUTS_PER_KILL * 2 * 3 // 4
    return [
        Step(AfterCalls(calls, number, chance.uniform(0, 2)), InjectFault(KillAndNote(chance.random() < 0.5, kills)))
        for number in sorted(chance.sample(range(1, last), count))
    ]


def test_no_kill_loses_doubles_or_repeats_anything(
    request: pytest.FixtureRequest,
    standby_cluster: TestEnvironment,
    kafka_service: KafkaService,
    actions: ActionTopic,
    effects: Endpoints,
    run_request: Callable[..., AgentRun],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Outputs, actions and memory are exact after every kill of a TaskManager; ``--kills`` says how many."""
    count = int(request.config.getoption("--kills"))
    amounts = [(f"k{number % KEYS}", {"amount": number, "note": NOTE}) for number in range(count * INPUTS_PER_KILL)]
    within_s = PATIENCE_S + count * PATIENCE_PER_KILL_S
    planned = run_request("tests.support.agents.settling:Settling", amounts, within_s=within_s, parallelism=PARALLELISM)
    kills: list[tuple[float, bool]] = []
    with effects.serve([SERVICE]) as service:
        store = {
            "actionStateStoreBackend": "kafka",
            **actions.options(kafka_service.job_bootstrap),
            "test.payments": service.urls["payments"],
        }
        planned = replace(
            through_topics(planned, kafka_service, standby_cluster, "kills"),
            config=store,
            setup=FlinkSetup(job=CHECKPOINTED),
            steps=timetable(count, lambda: len(service.calls), kills),
        )
        evidence = run(planned, standby_cluster)
    states, unknown = actions.states()
    evidence = replace(evidence, effects=service.calls, action_states=states, action_states_unknown=unknown)
    with capsys.disabled():
        sys.stdout.write(f"\n{figures(evidence, kills)}\n")
    assert (evidence.job_state, evidence.complete, len(kills)) == ("FINISHED", True, count), evidence.log_tail
    for result in (
        check_timeline(evidence),
        check_delivery(EXACTLY_ONCE, 1, evidence),
        check_action_delivery(evidence),
    ):
        assert result.validity is Validity.VALID, result
    by_key: dict[str, list[dict[str, int]]] = defaultdict(list)
    for output in evidence.outputs:
        by_key[output.key].append(output.value)
    for number in range(KEYS):
        fold = accumulate(range(number, len(amounts), KEYS))
        assert by_key[f"k{number}"] == [{"count": at, "total": total} for at, total in enumerate(fold, 1)]


def figures(evidence: Evidence, kills: Sequence[tuple[float, bool]]) -> str:
    """Return what the kills fell into, and the times from a kill to what came next."""
    noticed = [exception.at_ms / 1000 for exception in evidence.exceptions]
    next_times = {
        "noticed": noticed,
        "all tasks run": [step.ended_s for step in evidence.steps if step.ended_s is not None],
        "next checkpoint": [one.completed_s for one in evidence.checkpoints.seen] if evidence.checkpoints else [],
        "next output": [output.at_s for output in evidence.outputs if output.at_s is not None],
    }
    lines = [
        f"{len(kills)} kills in {evidence.timings_s['run']:.0f} s, {sum(begun for _, begun in kills)} during a checkpoint",
        f"{len(evidence.outputs)} outputs, {len(evidence.effects or ())} calls, {len(evidence.action_states or ())} records",
    ]
    until = [*(killed_s for killed_s, _ in kills[1:]), math.inf]
    for name, times in next_times.items():
        after = (_first(times, killed_s, noticed) - killed_s for killed_s, _ in kills)
        taken = sorted(one for one, (at_s, _), next_s in zip(after, kills, until, strict=True) if at_s + one < next_s)
        if taken:
            p95 = taken[math.ceil(0.95 * len(taken)) - 1]
            lines.append(
                f"{name}: median {median(taken):.1f} s, p95 {p95:.1f} s, longest {taken[-1]:.1f} s; "
                f"{len(kills) - len(taken)} after the next kill"
            )
    return "\n".join(lines)


def _first(times: Sequence[float], killed_s: float, noticed: Sequence[float]) -> float:
    """Return the first of ``times`` after the job has noticed a kill: what was under way does not count."""
    # Flink cuts times to milliseconds.
    since = min((at_s for at_s in noticed if at_s >= killed_s - 0.001), default=killed_s)
    return min((at_s for at_s in times if at_s >= since), default=math.inf)
