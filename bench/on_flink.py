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
import statistics
import sys
import tempfile
from pathlib import Path

from bench.flink_jobs import ROUNDS, Contestant, Record, rates, run
from bench.starts import report_progress
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.directories import cache_root
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import provide_kafka
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Engine, RestAuth

ROOT = Path(__file__).parents[1]
KEYS = 100
# Process mode takes 10,000 in a tenth of a second, too short to be measured.
RECORDS = 30_000
CALLS, CALL_S, CALL_KEYS = 640, 0.1, 64
STATE_KEYS = 100_000
STORED = 2_000
ECHO, ECHO_OF_0_1 = "bench.flink_agents_0_3:Echo", "bench.flink_agents_0_1:Echo"
UPSTREAM = "upstream 0.1.1"
PROCESS = {"python.execution-mode": "process"}


def reviews(count: int) -> list[Record]:
    """Return small reviews, distributed over the keys in turn."""
    review = {"text": "arrived late, works well", "tags": ["late", "good"]}
    return [{"key": f"k{n % KEYS}", "value": {"id": f"p-{n}", "score": n % 5, **review}} for n in range(count)]


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


def speed(bundled: TestEnvironment, upstream: TestEnvironment) -> dict[str, float]:
    """Compare the modes of the bundled engine with upstream's engine.

    Upstream's engine always writes an event log.
    """
    logged = {"baseLogDir": str(bundled.directory / "events")}
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
        directory=bundled.directory / "kafka",
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


def figures_on_flink(directory: Path) -> dict[str, float]:
    """Measure everything, on clusters that are started for it and write to the directory."""
    bundled, upstream = environments(directory)
    try:
        return speed(bundled, upstream) | waiting(bundled) | checkpoints(bundled) | stored(bundled)
    finally:
        bundled.close()
        upstream.close()


def main(argv: list[str]) -> None:
    """Measure and print the figures; write JSON if ``argv`` has a path."""
    with tempfile.TemporaryDirectory(prefix="flink-agents-bench-", ignore_cleanup_errors=True) as directory:
        figures = figures_on_flink(Path(directory))
    for name, value in figures.items():
        print(f"{name:<70} {value:12,.2f}")
    if argv:
        Path(argv[0]).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
