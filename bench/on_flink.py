"""Compare the bundled engine and flink-agents' own operator on Flink.

Part of ``make bench``.

Run it alone by ``python -m bench.on_flink [RESULTS.json]``. Both engines run on Flink 1.20, each
with its own cluster, the upstream one with flink-agents 0.1.1, whose package holds the jar. The
same records go through the same file source, action and sink, in turn, round by round; the figures
are medians. The cost of a job of one record is subtracted, so that starting and ending a job does
not count. Processor time is that of all processes of a cluster, and is steadier than elapsed time
on a machine with other load.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core import clock
from flink_testbed.core.directories import cache_root
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.job_owner import owner_options
from flink_testbed.flink.rest import TERMINAL_STATES
from flink_testbed.flink.standalone import StandaloneCluster
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import provide_kafka
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.channel import FileChannel
from pytest_flink_agents.run.records import AgentRecords
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, RestAuth

ROOT = Path(__file__).parents[1]
KEYS = 100
# Process mode takes 10,000 in a tenth of a second, too short to be measured.
RECORDS = 30_000
ROUNDS = 3
CALLS, CALL_S, CALL_KEYS = 640, 0.1, 64
STATE_KEYS = 100_000
STORED = 2_000
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


def report_progress(line: str) -> None:
    """Report progress on standard error, beside the table."""
    sys.stderr.write(line + "\n")


def reviews(count: int) -> list[Record]:
    """Return small reviews, distributed over the keys in turn."""
    review = {"text": "arrived late, works well", "tags": ["late", "good"]}
    return [{"key": f"k{n % KEYS}", "value": {"id": f"p-{n}", "score": n % 5, **review}} for n in range(count)]


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
    folder = Path(tempfile.mkdtemp(dir=_directory))
    channel = FileChannel(records, folder, AgentRecords())
    channel.put()
    cluster = contestant.environment.cluster()
    assert isinstance(cluster, StandaloneCluster)
    contestant.environment.submitter()
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


def environments(directory: Path) -> tuple[TestEnvironment, TestEnvironment]:
    """Return the environments of the two engines, both on Flink 1.20."""
    settings = Settings(root=ROOT, python_path=(), flink_agents="0.3.1", engine=Engine.BUNDLED, rest_auth=RestAuth.OFF)
    upstream = dataclasses.replace(settings, flink_agents="0.1.1", engine=Engine.UPSTREAM)
    return tuple(  # type: ignore[return-value]  # two
        TestEnvironment(
            each,
            resolve_flink("1.20", each.flink_agents),
            (),
            run_id="bench",
            directory=directory / each.engine,
            progress=report_progress,
        )
        for each in (settings, upstream)
    )


_directory = Path(tempfile.mkdtemp(prefix="flink-agents-bench-"))


ECHO, ECHO_OF_0_1 = "bench.flink_agents_0_3:Echo", "bench.flink_agents_0_1:Echo"
UPSTREAM = "upstream 0.1.1"
PROCESS = {"python.execution-mode": "process"}


def speed(bundled: TestEnvironment, upstream: TestEnvironment) -> dict[str, float]:
    """Compare the modes of the bundled engine with upstream's engine.

    Upstream's engine always writes an event log.
    """
    logged = {"baseLogDir": str(_directory / "events")}
    figures: dict[str, float] = {}
    for parallelism in (1, 2):
        contestants = [
            Contestant("bundled, thread mode", bundled, ECHO, parallelism=parallelism),
            Contestant("bundled, thread mode, event log", bundled, ECHO, logged, parallelism=parallelism),
            Contestant("bundled, process mode", bundled, ECHO, flink=PROCESS, parallelism=parallelism),
            Contestant(UPSTREAM, upstream, ECHO_OF_0_1, parallelism=parallelism),
        ]
        report_progress(f"records a second on Flink, parallelism {parallelism}")
        found = rates(contestants, reviews(RECORDS))
        theirs = found[UPSTREAM]
        for name, rate in found.items():
            figures[f"p={parallelism}: {name} [records/s]"] = rate.records
            figures[f"p={parallelism}: {name} [µs of processors a record]"] = rate.processor_us
            if parallelism == 1:
                figures[f"p=1: {name}, a job of one record [s]"] = rate.one_s
            if name != UPSTREAM:
                figures[f"p={parallelism}: {name}, ratio to upstream, records/s"] = rate.records / theirs.records
                figures[f"p={parallelism}: {name}, ratio to upstream, processors"] = (
                    theirs.processor_us / rate.processor_us
                )
    for name in (contestant.name for contestant in contestants):
        one, two = (figures[f"p={parallelism}: {name} [records/s]"] for parallelism in (1, 2))
        figures[f"p=2: {name}, ratio to one subtask, records/s"] = two / one
    return figures


def waiting(bundled: TestEnvironment) -> dict[str, float]:
    """Measure slow calls of many keys on one subtask.

    In the ideal case all keys are called at the same time, one round after the other.
    """
    calls = [{"key": f"k{number % CALL_KEYS}", "value": CALL_S} for number in range(CALLS)]
    contestant = Contestant("waiting", bundled, "bench.flink_agents_0_3:Waiting", {"num-async-threads": CALL_KEYS})
    ideal = CALLS * CALL_S / CALL_KEYS
    run(contestant, calls[:CALL_KEYS])
    taken = statistics.median(
        run(contestant, calls).elapsed - run(contestant, [{"key": "k", "value": 0}]).elapsed for _ in range(ROUNDS)
    )
    name = f"{CALLS} calls of {CALL_S * 1000:.0f} ms, {CALL_KEYS} keys, one subtask"
    return {f"{name} [s]": taken, f"{name}, ratio to the ideal": taken / ideal}


def checkpoints(bundled: TestEnvironment) -> dict[str, float]:
    """Measure size and duration of checkpoints with many keys."""
    report_progress(f"checkpoints of {STATE_KEYS:,} keys")
    records = [
        {"key": f"customer-{number}", "value": {"item": "tea", "amount": number}} for number in range(STATE_KEYS)
    ]
    options = {"execution.checkpointing.interval": "2s"}
    counting = Contestant("counting", bundled, "bench.flink_agents_0_3:Counting", flink=options)
    job_id = run(counting, records, outputs=0).job_id
    summary = bundled.cluster().rest.call("GET", f"/jobs/{job_id}/checkpoints")["summary"]
    return {
        f"checkpoint of {STATE_KEYS:,} keys [MiB]": summary["state_size"]["max"] / 2**20,
        f"checkpoint of {STATE_KEYS:,} keys [bytes a key]": summary["state_size"]["max"] / STATE_KEYS,
        f"checkpoint of {STATE_KEYS:,} keys, the slowest [s]": summary["end_to_end_duration"]["max"] / 1000,
    }


def stored(bundled: TestEnvironment) -> dict[str, float]:
    """Measure the time that the Kafka store adds to an action."""
    report_progress("the action state store in Kafka")
    kafka = EmbeddedKafka(
        provide_kafka(resolve_flink("2.2").line, progress=report_progress),
        directory=_directory / "kafka",
        ports=cache_root() / "ports",
        archives=cache_root() / "class-archives",
        run_id="bench",
        startup_timeout_s=60,
        progress=report_progress,
    )
    kafka.start()
    try:
        store = {
            "actionStateStoreBackend": "kafka",
            "kafkaBootstrapServers": kafka.bootstrap,
            "kafkaActionStateTopic": "bench-actions",
            "kafkaActionStateTopicNumPartitions": 4,
        }
        contestants = [Contestant("without", bundled, ECHO), Contestant("with", bundled, ECHO, store)]
        found = rates(contestants, reviews(STORED))
    finally:
        kafka.close()
    added = 1e6 / found["with"].records - 1e6 / found["without"].records
    return {"Kafka action state store, added to an action [µs]": added}


def figures_on_flink() -> dict[str, float]:
    """Measure everything, on clusters that are started for it."""
    bundled, upstream = environments(_directory)
    try:
        return speed(bundled, upstream) | waiting(bundled) | checkpoints(bundled) | stored(bundled)
    finally:
        bundled.close()
        upstream.close()
        shutil.rmtree(_directory, ignore_errors=True)


def main(argv: list[str]) -> None:
    """Measure and print the figures; write JSON if ``argv`` has a path."""
    figures = figures_on_flink()
    for name, value in figures.items():
        print(f"{name:<70} {value:12,.2f}")
    if argv:
        Path(argv[0]).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
