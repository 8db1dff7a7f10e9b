"""Each input is run again from every point at which its process could have died."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import pytest
from call_log import PATH, call_log
from test_worker import HERE, RUNTIME, Process

from flink_agents_runtime.local import replay


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    worker = Process("-m", "flink_agents_runtime.local.worker", cwd=tmp_path_factory.mktemp("worker"))
    yield worker
    worker.close()


def replayed(worker: Process, agent: str, *values: Any, key: str = "k", **more: Any) -> dict[str, Any]:
    request = {"with_store": True, "max_points": 1000, "seed": 0, "run_s": 20, "deadline_s": 60} | more
    reply = worker.ask(
        id=1,
        op="replay",
        agent_spec={"agent": f"replayed_agents:{agent}"},
        inputs=[{"key": key, "value": value} for value in values],
        **request,
    )
    assert reply["ok"], reply
    result: dict[str, Any] = reply["result"]
    return result


def different(result: dict[str, Any]) -> list[tuple[int, int]]:
    """Return input and crash point of each replay that was not as the undisturbed run."""
    runs = {run["input"]: run["run"] for run in result["undisturbed"]}
    return [(one["input"], one["after"]) for one in result["replays"] if one["run"] != runs[one["input"]]]


def test_a_deterministic_agent_does_the_same_from_every_crash_point(worker: Process) -> None:
    result = replayed(worker, "Sums", 1, 2)
    # Two durable calls, the end of their action, and the end of the second one.
    assert [(step["action"], step["call"].rpartition(".")[2]) for step in result["undisturbed"][1]["steps"]] == [
        ("take", "double"),
        ("take", "double"),
        ("take", ""),
        ("add", ""),
    ]
    assert [(one["input"], one["after"]) for one in result["replays"]] == [(i, n) for i in range(2) for n in range(5)]
    assert result["points"] == 10
    assert different(result) == []
    assert result["undisturbed"][1]["run"]["outputs"] == [12]
    assert result["undisturbed"][1]["run"]["memory"] == {"total": 12}


@pytest.mark.parametrize("agent", ["Draws", "DrawsNumbers"])
def test_recorded_steps_are_not_taken_again(worker: Process, agent: str) -> None:
    # Only the replay with nothing recorded draws again.
    assert different(replayed(worker, agent, 1)) == [(0, 0)]


def test_a_crash_loses_what_the_process_held(worker: Process) -> None:
    assert different(replayed(worker, "Remembers", 1, 2)) == [(1, 0)]


def test_memory_does_not_expire_because_a_replay_comes_later(worker: Process) -> None:
    # Longer than from one input to the next, shorter than from an input to its replay.
    config = {"short-term-memory.state-ttl.ms": 1500, "short-term-memory.state-ttl.update-type": "on_create_and_write"}
    result = replayed(worker, "SlowSums", 1, 2, 3, with_store=False, config=config)
    assert different(result) == []


def test_without_a_store_a_crash_loses_the_whole_input(worker: Process) -> None:
    result = replayed(worker, "Sums", 1, 2, with_store=False)
    assert [(one["input"], one["after"]) for one in result["replays"]] == [(0, 0), (1, 0)]
    assert len(result["undisturbed"][0]["steps"]) == 4
    assert different(result) == []


def test_an_outcome_that_cannot_be_recorded_fails_only_with_a_store(worker: Process) -> None:
    result = replayed(worker, "Locks", 1, with_store=False)
    assert (result["problem"], different(result)) == ("", [])
    (undisturbed,) = result["undisturbed"]
    assert undisturbed["run"]["outputs"] == ["locked"]
    assert [step["call"].rpartition(".")[2] for step in undisturbed["steps"]] == ["double", ""]
    assert "and the job has an action state store" in replayed(worker, "Locks", 1)["problem"]


def test_calls_say_how_much_was_recorded_before_them(worker: Process) -> None:
    with call_log() as log:
        result = replayed(worker, "Pays", f"http://127.0.0.1:{log.port}{PATH}")
    assert different(result) == []
    assert [tuple(call[name] for name in ("Attempt", "Input", "Step", "Durable")) for call in log.calls] == [
        *[("0", "0", "0", "0"), ("0", "0", "0", "1")],  # undisturbed
        *[("1", "0", "0", "0"), ("1", "0", "0", "1")],  # nothing recorded: both again
        ("2", "0", "0", "0"),  # the durable call is replayed; and with the action recorded, no call
    ]


def test_the_begin_of_a_call_with_a_reconciler_is_a_step_of_its_own(worker: Process) -> None:
    with call_log() as log:
        result = replayed(worker, "Reconciles", f"http://127.0.0.1:{log.port}{PATH}")
    assert different(result) == []
    assert [step["ended"] for step in result["undisturbed"][0]["steps"]] == [False, True, True]
    # After the begin the reconciler answers, so only the replay with nothing recorded makes the call.
    assert [(call["Attempt"], call["Step"], call["Durable"]) for call in log.calls] == [
        ("0", "1", "1"),
        ("1", "1", "1"),
    ]


def test_a_process_that_dies_in_a_replay_is_named(worker: Process) -> None:
    result = replayed(worker, "Dies", 1, 2)
    assert {one["problem"]: one["run"] for one in result["replays"] if one["problem"]} == {
        "the process ended with exit code 3": None
    }


def test_a_failure_in_a_replay_only_is_part_of_its_run(worker: Process) -> None:
    (failed,) = [one for one in replayed(worker, "Refuses", 1, 2)["replays"] if one["run"]["failure"]]
    assert (failed["input"], failed["after"]) == (1, 0)
    assert "the first input is missing" in failed["run"]["failure"]


def test_nothing_is_replayed_of_a_run_that_fails(worker: Process) -> None:
    result = replayed(worker, "Fails", 1)
    assert result["replays"] == []
    assert "the undisturbed run failed: action 'fail'" in result["problem"]


def test_many_crash_points_are_drawn_from_the_seed(worker: Process) -> None:
    first, again, other = (replayed(worker, "Sums", 1, 2, 3, max_points=5, seed=seed) for seed in (1, 1, 2))
    drawn = [[(one["input"], one["after"]) for one in result["replays"]] for result in (first, again, other)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert (len(drawn[0]), first["points"]) == (5, 15)


def test_replays_that_have_no_time_left_are_named(worker: Process) -> None:
    result = replayed(worker, "Sums", 1, deadline_s=0)
    assert {one["problem"] for one in result["replays"]} == {"the time for all replays was over"}


def test_no_replay_has_more_time_than_is_left_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[float] = []
    undisturbed = {"modules": [], "problem": "", "runs": [{"input": 0, "records": []}]}

    def in_child(handler: Any, request: dict[str, Any], *, margin_s: float) -> tuple[dict[str, Any], str]:
        limits.append(request["deadline_s"])
        return (undisturbed if len(limits) == 1 else {"run": {}}), ""

    monkeypatch.setattr(replay, "run_in_child", in_child)
    for name in ("carry_causes", "gc"):
        monkeypatch.setattr(replay, name, Mock())
    options = replay.ReplayOptions(with_store=True, max_points=10, seed=0, run_s=1000, deadline_s=60)
    result = replay.replay_inputs(Mock(), [{}], options)
    assert [one["problem"] for one in result["replays"]] == [""]
    assert limits[0] == 60 >= limits[1] > 0
    limits.clear()
    replay.replay_inputs(Mock(), [{}], replace(options, run_s=2))
    assert limits == [60, 2]


def test_no_replay_of_a_deterministic_agent_is_different() -> None:
    done = subprocess.run(
        [sys.executable, "random_replays.py", "10", "6"],
        cwd=HERE,
        env={**os.environ, "PYTHONPATH": str(RUNTIME)},
        capture_output=True,
        text=True,
        check=True,
        timeout=600,
    )
    (counted,) = done.stdout.splitlines()
    assert int(counted.removesuffix(" replays")) > 70
