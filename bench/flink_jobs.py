"""Contestants whose jobs run on Flink, and what their jobs cost."""

from __future__ import annotations

import shutil
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from bench.starts import report_progress
from flink_testbed.core import clock
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.job_owner import owner_options
from flink_testbed.flink.rest import TERMINAL_STATES
from flink_testbed.flink.standalone import StandaloneCluster
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.channel import FileChannel
from pytest_flink_agents.run.records import AgentRecords

ROUNDS = 3
_JOB_S = 600.0

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way of running an agent.

    ``flink`` and ``config`` are options of each job and of the agent.
    """

    name: str
    environment: TestEnvironment
    agent: str
    config: Mapping[str, Any] = field(default_factory=dict)
    flink: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 1


class Cost(NamedTuple):
    """The seconds that a job took.

    ``elapsed`` is by Flink's clock, ``processor`` the processor time of all processes of the
    cluster.
    """

    elapsed: float
    processor: float
    job_id: str


def run(contestant: Contestant, records: Sequence[Record], outputs: int | None = None) -> Cost:
    """Run a job and return its cost.

    It must put out that many outputs, without a number as many as there are records.
    """
    cluster = contestant.environment.cluster()
    assert isinstance(cluster, StandaloneCluster)
    contestant.environment.submitter()
    folder = Path(tempfile.mkdtemp(dir=cluster.directory))
    channel = FileChannel(records, folder, AgentRecords())
    channel.put()
    before = cluster.processor_seconds()
    job_id = submit(contestant, channel, cluster)
    state = wait_for_end(cluster, job_id)
    seen, expected = len(channel.outputs()), len(records) if outputs is None else outputs
    shutil.rmtree(folder)
    if state != "FINISHED" or seen != expected:
        raise SystemExit(f"{contestant.name}: {state}, {seen} outputs for {expected}\n{cluster.logs.tail(30)}")
    elapsed = float(cluster.rest.job(job_id)["duration"]) / 1000
    return Cost(elapsed, cluster.processor_seconds() - before, job_id)


def submit(contestant: Contestant, channel: FileChannel, cluster: FlinkCluster) -> str:
    """Submit a job and return its id."""
    environment = contestant.environment
    answer = environment.submitter().request(
        "submit",
        timeout_s=120,
        name="bench",
        rest_url=cluster.rest_url,
        agent_spec={"agent": contestant.agent, "resources": {}},
        config=dict(contestant.config),
        source_and_sink=channel.source_and_sink,
        parallelism=contestant.parallelism,
        flink_config=dict(contestant.flink) | owner_options(cluster.run_id),
        upstream_jars=[str(jar) for jar in environment.engine.jars],
    )
    return str(answer["job_id"])


def wait_for_end(cluster: FlinkCluster, job_id: str) -> str:
    """Wait until the job has ended and return its final state."""

    def probe() -> tuple[str | None, str]:
        state = cluster.rest.job_state(job_id)
        return (state if state in TERMINAL_STATES else None), state

    return clock.wait_until(probe, what=f"job {job_id} to end", timeout_s=_JOB_S, interval_s=0.1)


@dataclass(frozen=True, slots=True)
class Rate:
    """The medians of several rounds.

    They are records a second, processor time of a record in µs, and the seconds of a job of one
    record.
    """

    records: float
    processor_us: float
    one_s: float


def rates(contestants: Sequence[Contestant], records: Sequence[Record]) -> dict[str, Rate]:
    """Measure each contestant, without the cost of starting and ending a job.

    That cost is the one of a job with one record. Contestants alternate, so that load on the
    machine slows all of them.
    """
    taken: dict[str, list[tuple[Cost, Cost]]] = {contestant.name: [] for contestant in contestants}
    for contestant in contestants:
        run(contestant, records)  # Not measured: the JVM compiles during it.
    for number in range(ROUNDS):
        for contestant in contestants:
            taken[contestant.name].append((run(contestant, records[:1]), run(contestant, records)))
        report_progress(
            f"  round {number + 1}: "
            + ", ".join(f"{name} {costs[-1][1].elapsed:.1f} s" for name, costs in taken.items())
        )
    more = len(records) - 1
    return {
        name: Rate(
            more / statistics.median(many.elapsed - one.elapsed for one, many in costs),
            statistics.median(many.processor - one.processor for one, many in costs) * 1e6 / more,
            statistics.median(one.elapsed for one, _ in costs),
        )
        for name, costs in taken.items()
    }
