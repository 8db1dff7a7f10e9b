"""Runs that never end by themselves."""

from __future__ import annotations

import itertools
import json
from types import SimpleNamespace

import pytest
from agent_run import failure_of, outputs_of

from flink_agents_runtime.on_flink import live_key
from flink_agents_runtime.on_flink.operator import AgentOperator
from flink_agents_runtime.on_flink.stream_operator import StreamOperator
from flink_agents_runtime.plan.build import build_plan
from tests.runtime.test_operator import Flink

PING_PONG = "tests.support.agents.endless:PingPongAgent"
LIMIT = "max-events-per-input"


def test_a_run_with_too_many_events_is_a_failure_with_action_key_and_input() -> None:
    failure = failure_of(PING_PONG, ("k", -1))
    assert (failure.agent, failure.key, failure.input) == (PING_PONG, "k", -1)
    assert failure.action in ("ping", "pong")
    assert "the run of one input has more than 10000 events" in failure.message
    assert f"raise the option {LIMIT}, or set it to 0" in failure.message


@pytest.mark.parametrize("limit", [8, 0])
def test_the_limit_of_events_is_one_of_each_input(limit: int) -> None:
    options = {"max_events_per_input": limit}
    assert outputs_of(PING_PONG, ("k", 7), ("k", 7), **options) == [("k", "done")] * 2
    if limit:
        assert f"more than {limit} events" in failure_of(PING_PONG, ("k", 8), **options).message


def test_outputs_do_not_count_as_events_of_the_limit() -> None:
    many = outputs_of("tests.support.agents.endless:ManyOutputsAgent", ("k", 5), max_events_per_input=1)
    assert [value for _, value in many] == list(range(5))


def test_a_long_run_returns_to_flink_between_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AgentOperator, "slice_s", 0.0)
    plan = build_plan({"agent": PING_PONG}, config={})
    flink, operator = Flink(), AgentOperator(plan.model_dump_json(serialize_as_any=True), "j")
    operator.open(flink)
    flink.key = json.dumps("k")
    line = json.dumps({"input": 0, "key": "k", "value": 5})
    outputs = list(operator.process_element(line, flink))
    calls = 0
    while not outputs:
        calls += 1
        assert flink.states, "what is left to do is in Flink's state"
        at_ms = flink.timers.pop(0)
        flink.now_ms = at_ms
        outputs = list(operator.on_timer(at_ms, flink))
    assert calls == 5
    assert json.loads(outputs[0]) == {"input": 0, "key": "k", "value": "done"}
    operator.close()


@pytest.mark.parametrize(("events", "at_once"), [(2, True), (9, False)])
def test_outputs_of_a_run_of_seconds_in_a_users_stream_come_in_the_call_of_their_input(
    events: int, at_once: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They have the time stamp of that record; each step takes a second here."""
    monkeypatch.setattr(live_key, "time", SimpleNamespace(monotonic=itertools.count().__next__))
    plan = build_plan({"agent": PING_PONG}, config={})
    flink, operator = Flink(), StreamOperator(plan.model_dump_json(serialize_as_any=True), "j")
    operator.open(flink)
    flink.key = "k"
    assert list(operator.process_element(events, flink)) == (["done"] if at_once else [])
    operator.close()
