"""Measure the costs of starting and running in one run: ``make bench``.

Writes ``bench/results.json`` and prints a table.

Figures are medians of several rounds, of whole processes if a user would start whole processes.
Those of shared machines are noisy: compare ratios, and only within one run. ``make bench
PART=NAME`` measures one of ``PARTS`` and writes nothing but pictures. ``CHECK=1`` writes nothing either, and
fails if a ratio is over 10 % worse than the one in ``bench/results.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from bench.java import java_costs
from bench.job_environment import measured_inside
from bench.ledger import ledger_costs
from bench.on_flink import figures_on_flink
from bench.pictures import draw_pictures
from bench.scenarios import COLLECTED, compare_costs, pytest_in, replay_costs, session_costs, suite
from bench.speed_lines import as_json, regressions, table
from bench.starts import report_progress, start_costs
from bench.upgrades import upgrade_costs
from bench.waits import command_costs, gate_costs, large_value_costs
from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.flink.standalone import StandaloneCluster
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import RestAuth, Tier
from tests.support.runs import AgentRun, run

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench" / "results.json"
_JOBS = 300


def seconds(action: Callable[[], object], rounds: int) -> float:
    """Return the median time of an action."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def plugin_costs(directory: Path) -> dict[str, float]:
    """Measure the unused plugin, and the collection of many scenarios."""
    unused = directory / "unused"
    unused.mkdir()
    (unused / "test_nothing.py").write_text("def test_nothing():\n    pass\n")
    many = suite(directory / "many", COLLECTED)
    pairs = [
        (
            seconds(lambda: pytest_in(unused, "--collect-only"), 1),
            seconds(lambda: pytest_in(unused, "--collect-only", "-p", "no:flink_agents"), 1),
        )
        for _ in range(9)
    ]
    return {
        "plugin loaded and unused, added to pytest's start [s]": statistics.median(one - other for one, other in pairs),
        "collect 1,000 scenarios, whole process [s]": seconds(
            lambda: pytest_in(many, "--collect-only", "--flink-tier=local"), 3
        ),
    }


def resident_mib(environment: TestEnvironment) -> float:
    """Return the resident memory of the session's embedded cluster."""
    cluster = environment.cluster()
    assert isinstance(cluster, StandaloneCluster)
    return cluster.resident_bytes() / 2**20


def heaps_mib(environment: TestEnvironment) -> float:
    """Return the memory that the cluster's Java heaps take: it grows up to ``-Xmx`` before Java collects all of it."""
    rest, metric = environment.cluster().rest, "Status.JVM.Memory.Heap.Committed"
    managers = [f"/taskmanagers/{each['id']}" for each in rest.call("GET", "/taskmanagers")["taskmanagers"]]
    sizes = [rest.call("GET", f"{path}/metrics?get={metric}")[0]["value"] for path in ("/jobmanager", *managers)]
    return sum(map(float, sizes)) / 2**20


def scenario_costs(environment: TestEnvironment, directory: Path) -> dict[str, float]:
    """Measure one scenario of 20 inputs on warm parts, and the memory of a cluster that runs many."""
    inputs = [{"key": f"k{number % 4}", "value": {"item": "i", "amount": number}} for number in range(20)]

    def request() -> AgentRun:
        folder = directory / f"run-{time.perf_counter_ns()}"
        folder.mkdir()
        return AgentRun("bench", {"agent": "scenarios.agents.till:TillAgent"}, {}, inputs, 60, folder)

    run(request(), environment, Tier.LOCAL)
    started = time.perf_counter()
    environment.provide(Tier.EMBEDDED)
    ready = time.perf_counter() - started
    run(request(), environment)
    first = time.perf_counter() - started
    figures = {
        "scenario on the local tier, warm [s]": seconds(lambda: run(request(), environment, Tier.LOCAL), 9),
        "first scenario on the embedded tier, all starts included [s]": first,
        "first scenario on the embedded tier, after the cluster is ready [s]": first - ready,
        "further scenario on the warm cluster [s]": seconds(lambda: run(request(), environment), 9),
        "cluster after ten jobs, resident [MiB]": resident_mib(environment),
    }
    outside = []
    for _ in range(_JOBS):
        run(request(), environment)
        outside.append(resident_mib(environment) - heaps_mib(environment))
    # Not the first third, in which pools fill and Java compiles.
    third = _JOBS // 3
    growth = statistics.median(outside[-third:]) - statistics.median(outside[third : 2 * third])
    return figures | {"cluster outside of Java's heaps, growth from its second to its third 100 jobs [MiB]": growth}


def engine_costs(environment: TestEnvironment, directory: Path) -> dict[str, float]:
    """Run ``local_engine.py`` in the job environment and return its figures."""
    figures: dict[str, float] = measured_inside(environment, "bench.local_engine", directory / "engine.json")["figures"]
    return figures


def print_figures(figures: dict[str, float]) -> None:
    """Print all figures, then the table of goals."""
    for name, value in figures.items():
        print(f"{name:<70} {value:12.3f}")
    print(f"\n{table(figures)}")


Part = Callable[[Services, Path], dict[str, float]]
PARTS: dict[str, Part] = {
    "starts": lambda session, directory: start_costs(_environment(session), directory),
    "scenarios": lambda _, directory: plugin_costs(directory) | session_costs(directory),
    "replays": lambda _, directory: replay_costs(directory),
    "comparisons": lambda _, directory: compare_costs(directory),
    "waits": lambda _, directory: command_costs(directory) | gate_costs(directory),
    "values": lambda _, directory: large_value_costs(directory),
    "cluster": lambda session, directory: scenario_costs(_environment(session), directory),
    "ledger": lambda _, directory: ledger_costs(directory),
    "engine": lambda session, directory: engine_costs(_environment(session), directory),
    "java": lambda session, directory: java_costs(_environment(session), directory),
    "flink": lambda _, directory: figures_on_flink(directory / "on-flink"),
    "pictures": lambda session, directory: draw_pictures(_environment(session), directory, RESULTS),
    "upgrades": upgrade_costs,
}
_SLOW = {
    "waits": "whole commands, on the local tier, on Flink and with Kafka, and the gate (about 4 min)",
    "cluster": "scenarios on warm parts (about 3 min)",
    "engine": "the engine beside upstream's local runner (about 4 min)",
    "flink": "on Flink, beside upstream's operator (about 7 min)",
    "upgrades": "ten upgrades under load (about 3 min)",
}


def _environment(session: Services) -> TestEnvironment:
    return session.environment(resolve_flink("2.2"))


def measured(names: Iterable[str]) -> dict[str, float]:
    """Measure the named parts in turn."""
    directory = Path(tempfile.mkdtemp(prefix="flink-agents-bench-"))
    session = Services(
        Settings(
            root=ROOT,
            python_path=(),
            rest_auth=RestAuth.OFF,
            flink_base_image=os.environ.get("FLINK_AGENTS_TEST_FLINK_BASE_IMAGE", ""),
        ),
        directory=directory / "running",
        # The only directory that containers see.
        folder=directory,
        progress=report_progress,
        redactor=Redactor({}),
    )
    figures: dict[str, float] = {}
    try:
        for name in names:
            report_progress(_SLOW.get(name, name))
            figures |= PARTS[name](session, directory)
    finally:
        session.close()
        shutil.rmtree(directory, ignore_errors=True)
    return figures


def write_results(figures: dict[str, float]) -> None:
    """Write the figures of one whole run."""
    machine = {
        "python": platform.python_version(),
        "system": platform.system(),
        "processors": os.cpu_count(),
    }
    written = {"machine": machine, "speed lines": as_json(figures), "figures": figures}
    RESULTS.write_text(json.dumps(written, indent=2) + "\n")


def main(arguments: Sequence[str]) -> int:
    """Measure and print the figures; return the exit code."""
    parser = argparse.ArgumentParser(description="Measure the costs of starting and running.")
    parser.add_argument("part", nargs="?", choices=PARTS, help="measure this part only")
    parser.add_argument("--check", action="store_true", help="compare the ratios with those of bench/results.json")
    options = parser.parse_args(arguments)
    figures = measured([options.part] if options.part else PARTS)
    print_figures(figures)
    if options.check:
        worse = regressions(json.loads(RESULTS.read_text())["figures"], figures)
        print("\n".join(["", *worse] if worse else ["", "no ratio is over 10 % worse than in bench/results.json"]))
        return 1 if worse else 0
    if not options.part:
        write_results(figures)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
