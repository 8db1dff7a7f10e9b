"""A job is down for longer than its Kafka transactions may last: the broker aborts them, and the gate blocks."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

JOB = Path(__file__).parents[1] / "support" / "jobs" / "slow_receipts.py"
GATE_S = 300
# The pause is shorter than the heartbeat time-out, so that the job is not restarted and commits when it wakes up.
SCENARIO = """\
version: "1"
name: every receipt is written once although its TaskManager is silent for a while
tiers: [embedded]
job:
  python: slow_receipts.py
  args: ["${kafka.bootstrap}", "${input.topic}", "${output.topic}", "${kafka.connector}", "TIMEOUT_MS"]
flink_config:   # unaligned, so that a checkpoint does not wait behind slow records
  execution.checkpointing: {interval: 200ms, unaligned.enabled: true}
inputs:
  - generate: {count: 80, keys: 4, value: {amount: 2}}
faults:
  - after: {outputs: 5}
    pause: taskmanager
    for: 6s
expect:
  delivery: {outputs: exactly_once}
within: 120s
"""


def gate(project: Path, timeout_ms: int) -> tuple[int, str, dict[str, object]]:
    """Run the gate on the job with that time-out of transactions; return exit code, output and verdict."""
    project.joinpath("pytest.ini").write_text("[pytest]\n")
    project.joinpath(JOB.name).write_text(JOB.read_text())
    project.joinpath("receipts.scenario.yaml").write_text(SCENARIO.replace("TIMEOUT_MS", str(timeout_ms)))
    options = ["--flink-gate", "--flink-version=2.2", "--flink-tier=embedded"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options], cwd=project, capture_output=True, text=True, timeout=GATE_S
    )
    verdict = json.loads((project / "flink-agents-report" / "latest" / "verdict.json").read_text())
    return ended.returncode, ended.stdout, verdict


def test_a_transaction_that_outlasts_the_pause_is_committed(tmp_path: Path) -> None:
    code, output, verdict = gate(tmp_path, timeout_ms=300_000)
    assert (code, verdict["verdict"]) == (0, "promote"), output


def test_outputs_of_an_expired_transaction_are_lost_and_the_gate_blocks(tmp_path: Path) -> None:
    """The job itself goes on and finishes: Flink's sink logs the loss, and drops the transaction."""
    code, output, verdict = gate(tmp_path, timeout_ms=2_000)
    assert (code, verdict["verdict"]) == (1, "block"), output
    assert "output lost: input " in output, output
    assert "wrote it in a transaction that was never committed" in output, output
