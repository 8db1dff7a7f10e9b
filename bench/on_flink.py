"""What running on Flink costs: the bundled engine beside flink-agents' own operator, in one run. Part of ``make bench``.

Alone: ``python bench/on_flink.py [RESULTS.json]``. Both engines run on Flink 1.20 with clusters of their own, the
upstream one with flink-agents 0.1.1, whose jar is in its package. The same records of the same keys go through the same
file source and sink, and the same action, in turn, round by round; the figures are medians. What a job of one record
takes is taken off: starting and ending a job is the same for both, and is measured elsewhere.
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
from flink_testbed.flink.cluster import FlinkCluster, owner_options
from flink_testbed.flink.rest import TERMINAL_STATES
from flink_testbed.flink.standalone import StandaloneCluster
from pytest_flink_agents.run.settings import Settings
from pytest_flink_agents.run.transport import FileTransport
from pytest_flink_agents.run.workplace import Workplace

ROOT = Path(__file__).parents[1]
KEYS = 100
RECORDS = 20_000
ROUNDS = 5
_JOB_S = 300.0

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Contestant:
    """One way of running an agent. ``flink`` and ``config`` are options of each job and of the agent."""

    name: str
    workplace: Workplace
    agent: str
    config: Mapping[str, Any] = field(default_factory=dict)
    flink: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 1


def tell(line: str) -> None:
    """Progress, beside the table."""
    sys.stderr.write(line + "\n")


def reviews(count: int) -> list[Record]:
    """A small review for each record, in turn for each key."""
    review = {"text": "arrived late, works well", "tags": ["late", "good"]}
    return [{"key": f"k{n % KEYS}", "value": {"id": f"p-{n}", "score": n % 5, **review}} for n in range(count)]


class Cost(NamedTuple):
    """What a job took, in seconds: by Flink's own clock, and of the processors, over all processes of the cluster."""

    elapsed: float
    processor: float


def run(contestant: Contestant, records: Sequence[Record]) -> Cost:
    """What a job takes, which must put out one output for each record."""
    folder = Path(tempfile.mkdtemp(dir=_directory))
    transport = FileTransport(folder)
    transport.put(records)
    cluster = contestant.workplace.cluster()
    assert isinstance(cluster, StandaloneCluster)
    contestant.workplace.submitter()
    before = cluster.processor_seconds()
    job_id = submit(contestant, transport, cluster)
    state = wait_for_end(cluster, job_id)
    outputs = len(transport.outputs(records))
    shutil.rmtree(folder)
    if state != "FINISHED" or outputs != len(records):
        raise SystemExit(
            f"{contestant.name}: {state}, {outputs} outputs of {len(records)} inputs\n{cluster.log_tail(30)}"
        )
    return Cost(float(cluster.rest.job(job_id)["duration"]) / 1000, cluster.processor_seconds() - before)


def submit(contestant: Contestant, transport: FileTransport, cluster: FlinkCluster) -> str:
    """Submit a job; returns its id."""
    workplace = contestant.workplace
    answer = workplace.submitter().request(
        "submit",
        timeout_s=120,
        name="bench",
        rest_url=cluster.rest_url,
        agent_spec={"agent": contestant.agent, "resources": {}},
        config=dict(contestant.config),
        ends=transport.ends,
        parallelism=contestant.parallelism,
        flink_config=dict(contestant.flink) | owner_options(cluster.run_id),
        upstream_jars=[str(jar) for jar in workplace.engine.jars],
    )
    return str(answer["job_id"])


def wait_for_end(cluster: FlinkCluster, job_id: str) -> str:
    """The state in which the job ended."""

    def probe() -> tuple[str | None, str]:
        state = cluster.rest.job_state(job_id)
        return (state if state in TERMINAL_STATES else None), state

    return clock.wait_until(probe, what=f"job {job_id} to end", timeout_s=_JOB_S, interval_s=0.1)


@dataclass(frozen=True, slots=True)
class Rate:
    """Medians of several rounds: records a second, and microseconds of the processors for each record."""

    records: float
    processor_us: float


def rates(contestants: Sequence[Contestant], records: int = RECORDS, rounds: int = ROUNDS) -> dict[str, Rate]:
    """What each comes to, net of what a job of one record takes; alternating, so that all meet the same machine."""
    one, many = reviews(1), reviews(records)
    taken: dict[str, list[Cost]] = {contestant.name: [] for contestant in contestants}
    for contestant in contestants:
        run(contestant, many)  # The JVM compiles what is hot.
    for number in range(rounds):
        for contestant in contestants:
            started, ended = run(contestant, one), run(contestant, many)
            taken[contestant.name].append(Cost(*(more - less for more, less in zip(ended, started, strict=True))))
        tell(
            f"  round {number + 1}: " + ", ".join(f"{name} {costs[-1].elapsed:.2f} s" for name, costs in taken.items())
        )
    return {
        name: Rate(
            (records - 1) / statistics.median(cost.elapsed for cost in costs),
            statistics.median(cost.processor for cost in costs) * 1e6 / (records - 1),
        )
        for name, costs in taken.items()
    }


def workplaces(directory: Path) -> tuple[Workplace, Workplace]:
    """The bundled engine's and upstream's, both on Flink 1.20."""
    settings = Settings(root=ROOT, python_path=(), flink_agents="0.3.1", engine="bundled")
    upstream = dataclasses.replace(settings, flink_agents="0.1.1", engine="upstream")
    return tuple(  # type: ignore[return-value]  # two
        Workplace(
            each,
            resolve_flink("1.20", each.flink_agents),
            (),
            run_id="bench",
            directory=directory / each.engine,
            progress=tell,
        )
        for each in (settings, upstream)
    )


_directory = Path(tempfile.mkdtemp(prefix="flink-agents-bench-"))


def speed(bundled: Workplace, upstream: Workplace) -> dict[str, float]:
    """The bundled engine, with and without an event log, beside upstream's, which always writes one."""
    here, there = "bench.flink_agents_0_3:Echo", "bench.flink_agents_0_1:Echo"
    logged = {"baseLogDir": str(_directory / "events")}
    contestants = [
        Contestant("bundled", bundled, here),
        Contestant("bundled, with event log", bundled, here, logged),
        Contestant("upstream 0.1.1", upstream, there),
    ]
    rounds = rates(contestants)
    figures = {f"on Flink, one subtask: {name} [records/s]": rate.records for name, rate in rounds.items()}
    figures |= {f"on Flink, one subtask: {name} [µs of processor]": r.processor_us for name, r in rounds.items()}
    theirs = rounds["upstream 0.1.1"]
    for name in ("bundled", "bundled, with event log"):
        figures[f"{name}: ratio of records/s to upstream"] = rounds[name].records / theirs.records
        figures[f"{name}: ratio of processor time, upstream to it"] = theirs.processor_us / rounds[name].processor_us
    return figures


def main(argv: list[str]) -> None:
    """Measure and print; write JSON to the path in ``argv``, if there is one."""
    bundled, upstream = workplaces(_directory)
    try:
        figures = speed(bundled, upstream)
    finally:
        bundled.close()
        upstream.close()
        shutil.rmtree(_directory, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:<62} {value:12,.2f}")
    if argv:
        Path(argv[0]).write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
