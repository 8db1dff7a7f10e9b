"""Measure whole commands that people wait for: one scenario, the gate, and the same scenario over files and Kafka."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from bench.scenarios import ONE_SCENARIO, ROOT, pytest_in

_ROUNDS = 5
_EMBEDDED_ROUNDS = 3
# Lines of an order: 27,500 are 5 MB of JSON with 275,000 parts.
_FEW_LINES, _MANY_LINES = 1, 27_500
_ORDER = """\
version: "1"
name: an order
agent: bench.flink_agents_0_3:Large
tiers: [local]
inputs: [{key: a, value: LINES}]
expect: {outputs: {count: 1}}
within: 30s
"""
_PROMISE = "  delivery: {outputs: exactly_once}\n"


def _project(directory: Path, scenario: str) -> Path:
    directory.mkdir()
    (directory / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    (directory / "x.scenario.yaml").write_text(scenario)
    return directory


def _seconds(project: Path, rounds: int, *options: str) -> float:
    """Return the median time of a whole session, after one that fills the caches."""
    pytest_in(project, *options)
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        pytest_in(project, *options)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def command_costs(directory: Path) -> dict[str, float]:
    """Return the seconds of one local scenario, and of one on Flink over files and over Kafka."""
    files = ONE_SCENARIO.replace("NUMBER", "of files")
    kafka = files.replace("  order: per_key\n", f"  order: per_key\n{_PROMISE}")
    over_files = _seconds(_project(directory / "files", files), _EMBEDDED_ROUNDS, "--flink-tier=embedded")
    over_kafka = _seconds(_project(directory / "kafka", kafka), _EMBEDDED_ROUNDS, "--flink-tier=embedded")
    return {
        "one local scenario, whole command [s]": _seconds(
            _project(directory / "one", files), _ROUNDS, "--flink-tier=local"
        ),
        "one scenario over files, whole command [s]": over_files,
        "the same over Kafka, whole command [s]": over_kafka,
        "Kafka, added to a whole command [s]": over_kafka - over_files,
    }


def large_value_costs(directory: Path) -> dict[str, float]:
    """Return the seconds of a local scenario whose output has 5 MB, and what of them is due to its size.

    Commands with a small and with the large value alternate, since load on the machine slows both.
    """
    small, large = (
        _project(directory / f"order-{lines}", _ORDER.replace("LINES", str(lines)))
        for lines in (_FEW_LINES, _MANY_LINES)
    )
    pairs = [
        (_seconds(large, 1, "--flink-tier=local"), _seconds(small, 1, "--flink-tier=local")) for _ in range(_ROUNDS)
    ]
    return {
        "one local scenario with a value of 5 MB, whole command [s]": statistics.median(one for one, _ in pairs),
        "a value of 5 MB, added to a whole command [s]": statistics.median(one - other for one, other in pairs),
    }


def gate_costs(directory: Path) -> dict[str, float]:
    """Return the seconds of this project's gate, with empty caches of this project and with full ones.

    The caches of pip and uv stay as they are: a download says more of the line than of the gate.
    """
    cache = directory / "cache"
    try:
        cold = _gate({"FLINK_AGENTS_TEST_CACHE_DIR": str(cache)})
        warm = [_gate({"FLINK_AGENTS_TEST_CACHE_DIR": str(cache)}) for _ in range(_EMBEDDED_ROUNDS)]
    finally:
        shutil.rmtree(cache, ignore_errors=True)
    return {"make gate, cold [s]": cold, "make gate, warm [s]": statistics.median(warm)}


def _gate(variables: Mapping[str, str]) -> float:
    command = ["make", "--silent", "gate"]
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
        raise SystemExit(done.returncode)
    return time.perf_counter() - started
