"""Futures of a flink-agents that has them, with stand-ins for its classes: no package with them can be installed here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flink_agents_runtime.engine.durable import DurableCalls
from flink_agents_runtime.engine.state import CallRecord

_AGENTS = Path(__file__).with_name("future_agents.py")


def run(agent: str, *inputs: Any) -> dict[str, Any]:
    command = [sys.executable, str(_AGENTS), agent, json.dumps(inputs)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_calls_of_a_batch_run_at_once_and_once():
    """Each call waits for another one. A failed one is an outcome, and a future that is awaited again has its outcome."""
    found = run("Gathers", ["one", "plain", "bad"])
    (output,) = found["outputs"]
    assert output == {"a": {"first": "one", "outcomes": ["one", "plain", "error: bad luck"]}}
    assert sorted(found["calls"]) == ["bad", "one", "plain"]


def test_a_batch_takes_different_single_calls_of_its_context():
    found = run("Misuses", 1)
    (output,) = found["outputs"]
    assert [said.partition(":")[0] for said in output["a"]] == ["ValueError", "TypeError", "TypeError"]
    assert found["calls"] == []


def test_a_durable_id_is_no_argument_of_the_function():
    assert run("Identified", 1) == {"outputs": [{"a": "x"}], "calls": ["x"]}


def enter(calls: DurableCalls, value: int, **how: Any):
    return calls.enter(int, (value,), {}, None, **how)


def test_the_records_of_a_batch_are_written_before_its_calls():
    records: list[CallRecord] = []
    calls = DurableCalls(records)
    first, second = enter(calls, 1, reserve=True), enter(calls, 2, reserve=True)
    assert [record.status for record in records] == ["PENDING", "PENDING"]
    second.finish(2, None)
    assert [record.status for record in records] == ["PENDING", "SUCCEEDED"]
    # A restart before the first one has ended: only that one is made again.
    again = DurableCalls(records)
    first, second = enter(again, 1, reserve=True), enter(again, 2, reserve=True)
    assert first.run is not None
    assert second.run is None
    assert second.replay() == 2
    first.finish(first.run(), None)
    assert [record.status for record in records] == ["SUCCEEDED", "SUCCEEDED"]


@pytest.mark.parametrize("reserve", [False, True])
def test_a_durable_id_identifies_a_call_whatever_its_arguments(reserve: bool):
    records: list[CallRecord] = []
    enter(DurableCalls(records), 1, durable_id="order-1", reserve=reserve).finish(1, None)
    assert enter(DurableCalls(records), 2, durable_id="order-1", reserve=reserve).replay() == 1
    other = enter(DurableCalls(records), 2, durable_id="order-2", reserve=reserve)
    assert other.run is not None
