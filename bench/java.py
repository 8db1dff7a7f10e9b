"""Measure what the calls of a Java tool cost on the bundled engine, without Flink."""

from __future__ import annotations

import statistics
from pathlib import Path

import psutil

from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.vocabulary import Tier
from tests.bundled_java.jars import api_jar, shop_jar
from tests.support.runs import AgentRun, run

_BATCHES, _CALLS = 5, 2_000


def java_costs(environment: TestEnvironment, directory: Path) -> dict[str, float]:
    """Return the figures of 10,000 calls; the JVM must have ended with the run."""
    api = api_jar()
    options = {"java.class-path": [str(shop_jar(environment, api)), str(api)]}
    spec = {"agent": "tests.bundled_java.agents:measuring", "resources": {}}
    inputs = [{"key": "k", "value": {"calls": _CALLS}}] * _BATCHES
    evidence = run(AgentRun("java", spec, options, inputs, 300, directory / "java"), environment, Tier.LOCAL)
    batches = [output.value for output in evidence.outputs]
    if len(batches) != _BATCHES or psutil.pid_exists(batches[0]["pid"]):
        raise SystemExit(f"the JVM is left, or calls failed: {evidence.failure}")
    first, last = batches[0], batches[-1]
    return {
        "Java tool: first call, with the start of the JVM [s]": first["first_s"],
        "Java tool: one call, median [ms]": statistics.median(batch["median_s"] for batch in batches) * 1000,
        "Java tool: memory of both processes [MiB]": last["python_mib"] + last["java_mib"],
        "Java tool: growth from call 2,000 to 10,000 [MiB]": last["python_mib"]
        + last["java_mib"]
        - first["python_mib"]
        - first["java_mib"],
    }
