"""Compare the speed of the bundled engine and flink-agents' own local runner.

Both run the same list in one process, with the same action.

Run it inside a job environment, with the runtime's source on the path; it needs neither Flink nor a
JVM:

    PYTHONPATH=.:runtime ENVIRONMENT/bin/python -m bench.local_engine [RESULTS.json]

All contestants get the same records and run the same action, in turn, round by round; the figures
are medians. A ratio is the median of the ratios of the rounds, since load on the machine slows both
sides of a round. The action ``plain`` reads the event's attribute, ``typed`` first makes an
InputEvent of it, and ``nested`` is ``plain`` with records of 1.5 KB. Work that is bound by the
processor is measured in processor time of this process, which has one thread: other load on the
machine then matters less.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from operator import truediv
from pathlib import Path

from flink_agents.api.agents.agent import Agent
from flink_agents.api.execution_environment import AgentsExecutionEnvironment

from bench.flink_agents_0_3 import Echo, Waiting
from bench.local_contestants import (
    Counting,
    Plain,
    Record,
    Slow,
    bare,
    logging_by_default,
    logging_off,
    ours,
    seconds_of,
    upstreams,
)
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import plan_of

RECORDS = 4_000
KEYS = 100
ROUNDS = 21
IO_RECORDS, IO_KEYS, IO_THREADS, IO_SECONDS = 1_000, 100, 64, 0.1
MEMORY_RECORDS, MEMORY_FROM, MEMORY_KEYS = 1_000_000, 200_000, 1_000
# Upstream's local runner makes one call after the other and keeps all inputs, so that its figures
# are estimated from a part of the records.
UPSTREAM_IO_PART, UPSTREAM_MEMORY_PART = 20, 10


def records() -> list[Record]:
    """Return small reviews, distributed over the keys in turn."""
    review = {"text": "arrived late, works well", "tags": ["late", "good"]}
    return [{"key": f"k{n % KEYS}", "value": {"id": f"p-{n}", "score": n % 5, **review}} for n in range(RECORDS)]


def nested_records() -> list[Record]:
    """Return orders of 1.5 KB, each with thirty lists and mappings."""
    customer = {"name": "Jo Doe", "address": {"street": "Long Road 5", "city": "Springfield", "zip": "12345"}}
    lines = [
        {
            "sku": f"s-{n}",
            "count": n,
            "price": 9.99 + n,
            "tags": ["a", "b", "c"],
            "note": "a text of a line of an order",
        }
        for n in range(11)
    ]
    rest = {"customer": customer, "lines": lines, "paid": True, "note": None}
    return [{"key": f"k{n % KEYS}", "value": {"id": f"o-{n}", **rest}} for n in range(RECORDS)]


def cpu_bound(word: str, agent: type[Agent], inputs: list[Record]) -> dict[str, float]:
    """Measure the records a second of each contestant, and their ratios."""
    contests: dict[str, tuple[Callable[..., Callable[[], int]], Callable[[], AbstractContextManager[None]]]] = {
        "bundled engine": (ours, logging_off),
        "upstream, logging off": (upstreams, logging_off),
        "action alone": (bare, logging_off),
        "bundled engine, defaults": (ours, logging_by_default),
        "upstream, defaults": (upstreams, logging_by_default),
    }
    times: dict[str, list[float]] = {name: [] for name in contests}
    for _ in range(ROUNDS):
        for name, (contestant, logged) in contests.items():
            run = contestant(agent, inputs)
            with logged():
                times[name].append(seconds_of(run, RECORDS, time.process_time))
    rate = {name: RECORDS / statistics.median(taken) for name, taken in times.items()}
    figures = {f"{word}: {name} [records/s]": value for name, value in rate.items()}
    for label, one, other in (
        ("ratio to upstream, logging off", "bundled engine", "upstream, logging off"),
        ("ratio to upstream, defaults", "bundled engine, defaults", "upstream, defaults"),
        ("ratio to the action alone", "bundled engine", "action alone"),
    ):
        figures[f"{word}: {label}"] = statistics.median(map(truediv, times[other], times[one]))
    return figures


def io_bound() -> dict[str, float]:
    """Measure slow calls of many keys that run at the same time.

    In the ideal case each thread is busy all the time.
    """
    inputs = [{"key": f"k{number % IO_KEYS}", "value": IO_SECONDS} for number in range(IO_RECORDS)]
    options = {"num-async-threads": IO_THREADS}
    taken = statistics.median(seconds_of(ours(Waiting, inputs, **options), IO_RECORDS) for _ in range(3))
    part = inputs[: IO_RECORDS // UPSTREAM_IO_PART]
    with logging_off():
        theirs = seconds_of(upstreams(Slow, part), len(part)) * UPSTREAM_IO_PART
    calls = f"{IO_RECORDS:,} calls of {IO_SECONDS * 1000:.0f} ms"
    return {
        f"{calls}, {IO_KEYS} keys, {IO_THREADS} threads [s]": taken,
        f"{calls}, upstream, from a twentieth of them [s]": theirs,
        "ratio to the ideal": taken / (IO_RECORDS * IO_SECONDS / IO_THREADS),
    }


def memory() -> dict[str, float]:
    """Measure the growth of resident memory between two records far apart.

    The bundled engine keeps neither inputs nor outputs; upstream's runner keeps both.
    """
    name = f"memory: growth from record {MEMORY_FROM:,} to {MEMORY_RECORDS:,}, {MEMORY_KEYS:,} keys [MiB]"
    resident: list[int] = []

    def inputs(count: int, first: int) -> Iterator[Record]:
        for number in range(count):
            if number in (first, count - 1):
                resident.append(_resident_kib())
            yield {
                "key": f"k{number % MEMORY_KEYS}",
                "value": {"id": f"p-{number}", "text": "arrived late, works well"},
            }

    host = LocalHost(plan_of(Counting(), {}))
    result = host.run(inputs(MEMORY_RECORDS, MEMORY_FROM), on_output=lambda output: None)
    if result.failure is not None or result.metrics["numOfEventProcessed"] != 2 * MEMORY_RECORDS:
        raise SystemExit(f"not all records were run: {result}")
    environment = AgentsExecutionEnvironment.get_execution_environment()
    part = inputs(MEMORY_RECORDS // UPSTREAM_MEMORY_PART, MEMORY_FROM // UPSTREAM_MEMORY_PART)
    environment.from_list(part).apply(Counting()).to_list()
    with logging_off():
        environment.execute()
    ours, theirs = ((last - early) / 1024 for early, last in (resident[:2], resident[2:]))
    return {
        name: ours,
        "memory: the same, upstream, from a tenth of the records [MiB]": theirs * UPSTREAM_MEMORY_PART,
    }


def _resident_kib() -> int:
    """Return the resident memory, without /proc the peak so far."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * resource.getpagesize() // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main(argv: list[str]) -> dict[str, float]:
    """Measure and print the figures; write JSON if ``argv`` has a path."""
    figures = memory()
    for word, agent, inputs in (
        ("plain", Plain, records()),
        ("typed", Echo, records()),
        ("nested", Plain, nested_records()),
    ):
        figures |= cpu_bound(word, agent, inputs)
    figures |= io_bound()
    for name, value in figures.items():
        print(f"{name:<70} {value:12,.2f}")
    if argv:
        machine = {
            "python": platform.python_version(),
            "system": platform.system(),
            "processors": os.cpu_count(),
        }
        Path(argv[0]).write_text(json.dumps({"machine": machine, "figures": figures}, indent=2) + "\n")
    return figures


if __name__ == "__main__":
    main(sys.argv[1:])
