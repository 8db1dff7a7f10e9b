"""Measure whole sessions of many scenarios without Flink."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
COLLECTED, RUN, _MODELS = 1_000, 200, 60
_PER_FILE = 10
_COMPARED_ROUNDS = 5
ONE_SCENARIO = """\
version: "1"
name: scenario NUMBER
description: one of a thousand
tags: [many]
agent: scenarios.agents.till:TillAgent
inputs:
  - {key: a, value: {item: tea, amount: 3}}
  - {key: b, value: {item: rope, amount: 20}}
expect:
  outputs:
    - {key: a, value: {item: tea, total: 3, purchases: 1}}
    - {key: b, value: {item: rope, total: 20, purchases: 1}}
  order: per_key
within: 30s
"""


# Each input has three crash points: before its first action, and after each of the two.
_REPLAYED = """\
version: "1"
name: every crash of a till
agent: scenarios.agents.till:TillAgent
tiers: [local]
inputs: [{generate: {count: 334, keys: 20, value: {item: tea, amount: 3}}}]
always_replay: true
expect: {outputs: {count: 334}}
within: 60s
"""


_COMPARED = """\
version: "1"
name: the next till beside the last one
agent: tests.support.agents.versions:NextTill
tiers: [local]
inputs: [{generate: {count: 1000, keys: 50, value: {customer: "${input.key}"}}}]
COMPARE
expect: {outputs: {count: 1000}}
within: 60s
"""
_COMPARE = """\
compare:
  baseline: {agent: tests.support.agents.versions:Till}
  allow: ["outputs[*].value.version", "events[*].attributes.version", memory.account]
"""


# The quickstart of flink-agents, with a scripted model, tool calls and an effect.
_WITH_A_MODEL = ROOT / "scenarios" / "quickstart.scenario.yaml"
_NAME = "name: the upstream quickstart agent analyses reviews"


def pytest_in(directory: Path, *options: str) -> None:
    """Run a whole pytest process; end the benchmark if it fails."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *options]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 5):
        raise SystemExit(done.stdout + done.stderr)


def suite(directory: Path, count: int) -> Path:
    """Write a project with so many scenarios, ten in a file."""
    directory.mkdir()
    (directory / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    for first in range(0, count, _PER_FILE):
        documents = [ONE_SCENARIO.replace("NUMBER", str(first + index)) for index in range(_PER_FILE)]
        (directory / f"s{first}.scenario.yaml").write_text("---\n".join(documents))
    return directory


def suite_with_models(directory: Path, count: int) -> Path:
    """Write a project with so many scenarios of the quickstart, one in a file."""
    directory.mkdir()
    (directory / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    text = _WITH_A_MODEL.read_text(encoding="utf-8")
    for number in range(count):
        (directory / f"s{number}.scenario.yaml").write_text(text.replace(_NAME, f"name: quickstart {number}"))
    return directory


def session_costs(directory: Path) -> dict[str, float]:
    """Return the seconds of whole sessions, serial and in two workers.

    Of few and of many scenarios that do next to nothing, and of some with a model, which take the time of their imports.
    """
    return {
        **_beside_two_workers(suite(directory / "few sessions", RUN), f"{RUN:,} scenarios on the local tier"),
        **_beside_two_workers(
            suite(directory / "many sessions", COLLECTED), f"{COLLECTED:,} scenarios on the local tier"
        ),
        **_beside_two_workers(
            suite_with_models(directory / "with models", _MODELS), f"{_MODELS} scenarios with a model"
        ),
    }


def _beside_two_workers(project: Path, name: str) -> dict[str, float]:
    def session(*options: str) -> float:
        started = time.perf_counter()
        pytest_in(project, "--flink-tier=local", *options)
        return time.perf_counter() - started

    session("s0.scenario.yaml")  # Builds the job environment, and fills the caches of bytecode.
    serial, parallel = session(), session("-n", "2")
    return {
        f"{name}, whole session [s]": serial,
        f"{name}, two workers [s]": parallel,
        f"{name}, ratio serial / two workers": serial / parallel,
    }


def replay_costs(directory: Path) -> dict[str, float]:
    """Return the seconds of a whole session that replays 1,000 crash points."""
    project = directory / "replays"
    project.mkdir()
    (project / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    (project / "x.scenario.yaml").write_text(_REPLAYED)
    started = time.perf_counter()
    pytest_in(project, "--flink-tier=local")
    return {"1,000 crash points replayed, whole session [s]": time.perf_counter() - started}


def compare_costs(directory: Path) -> dict[str, float]:
    """Return the seconds that a baseline of 1,000 inputs adds to a session: its run, and the comparison."""
    project = directory / "compared"
    project.mkdir()
    (project / "pytest.ini").write_text(f"[pytest]\npythonpath = {ROOT}\n")
    times: dict[str, list[float]] = {"": [], _COMPARE: []}
    for _ in range(_COMPARED_ROUNDS):
        for words, measured in times.items():
            (project / "x.scenario.yaml").write_text(_COMPARED.replace("COMPARE\n", words))
            started = time.perf_counter()
            pytest_in(project, "--flink-tier=local")
            measured.append(time.perf_counter() - started)
    alone, beside = map(statistics.median, times.values())
    return {
        "1,000 inputs, whole session [s]": alone,
        "1,000 inputs compared with a baseline, added to the session [s]": beside - alone,
    }
