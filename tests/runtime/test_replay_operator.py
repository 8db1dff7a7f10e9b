"""The operator whose process dies at crash points, over a stand-in for Flink; tests/integration has it on a cluster."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from call_log import PATH, call_log
from test_operator import Flink

from flink_agents_runtime.on_flink import agent_process
from flink_agents_runtime.on_flink import operator as operator_module
from flink_agents_runtime.on_flink.replay_operator import Death, Journal, ReplayOperator, ReplayScript
from flink_agents_runtime.plan.build import build_plan
from flink_agents_runtime.stores.memory import MemoryStore


class Job:
    """An agent whose processes find the checkpoint and the store that the process before them left."""

    def __init__(self, agent: str, directory: Path, *, with_store: bool = True, config: dict[str, Any] | None = None):
        plan = build_plan({"agent": f"replayed_agents:{agent}"}, config=config or {})
        self._plan = plan.model_dump_json(serialize_as_any=True)
        self._left = directory / "left"
        self._with_store = with_store
        self.journal = directory / "journal"

    def start(self, values: list[Any], script: ReplayScript, first: int = 0) -> int:
        """Process inputs in a process of their own, with a checkpoint before each; return its exit code."""
        process = os.fork()
        if not process:
            self._run(values, script, first)
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])

    def _run(self, values: list[Any], script: ReplayScript, first: int) -> None:
        store, states = pickle.loads(self._left.read_bytes()) if self._left.exists() else (MemoryStore(), {})
        flink, exit_process = Flink(), os._exit

        def leave(code: int) -> None:
            self._left.write_bytes(pickle.dumps((store, states)))
            exit_process(code)

        os._exit = leave  # type: ignore[assignment]
        operator_module.open_store = lambda *_: store if self._with_store else None
        while True:
            operator = ReplayOperator(self._plan, "j", replace(script, journal=str(self.journal)))
            flink.states = dict(states)
            try:
                operator.open(flink)
                while first < len(values):
                    states = dict(flink.states)
                    flink.key = '"k"'
                    record = json.dumps({"input": first, "key": "k", "value": values[first]})
                    operator.process_element(record, flink)
                    first += 1
                leave(0)
            except RuntimeError as error:
                # Flink restarts the job, in thread mode in the same process.
                if "was abandoned at a crash point" not in str(error):
                    leave(2)

    def lines(self, what: str) -> list[dict[str, Any]]:
        return [line for line in Journal(str(self.journal)) if line["what"] == what]


@pytest.fixture
def job(tmp_path: Path):
    def make(agent: str, **more: Any) -> Job:
        directory = tmp_path / str(len(list(tmp_path.iterdir())))
        directory.mkdir()
        return Job(agent, directory, **more)

    return make


def script(**deaths: int) -> ReplayScript:
    """Return a script with a death ``input_N=after`` in each of some inputs."""
    points = {int(name.partition("_")[2]): Death(after, 5) for name, after in deaths.items()}
    return ReplayScript("", points, attempt=0 if not deaths else 9, exits=True)


def runs(job: Job) -> list[dict[str, Any]]:
    return [line["run"] for line in job.lines("ended")]


def crash(job: Job, values: list[Any], script: ReplayScript, *, exits: bool) -> None:
    """Run a job through the death in its last input."""
    if exits:
        assert job.start(values, script) == 1, "the process dies"
    assert job.start(values, replace(script, exits=exits), first=len(values) - 1 if exits else 0) == 0


@pytest.mark.parametrize("exits", [True, False])
@pytest.mark.parametrize("with_store", [True, False])
def test_an_input_ends_alike_from_each_of_its_crash_points(job, with_store: bool, exits: bool) -> None:
    undisturbed = job("Sums", with_store=with_store)
    assert undisturbed.start([1, 2], script()) == 0
    assert [line["attempt"] for line in undisturbed.lines("ended")] == [0, 0]
    assert runs(undisturbed)[1]["outputs"] == [12]
    assert runs(undisturbed)[1]["memory"] == {"total": 12}
    (last,) = (line["steps"] for line in undisturbed.lines("ended") if line["input"] == 1)
    assert [(step["action"], bool(step["call"])) for step in last] == [
        ("take", True),
        ("take", True),
        ("take", False),
        ("add", False),
    ]
    for after in range(len(last) + 1):
        crashed = job("Sums", with_store=with_store)
        crash(crashed, [1, 2], script(input_1=after), exits=exits)
        assert [(line["input"], line["after"]) for line in crashed.lines("died")] == [(1, after)]
        assert runs(crashed) == runs(undisturbed)
        assert [line["attempt"] for line in crashed.lines("ended")] == [9, 6]
        # The records before the death are not written again.
        again = crashed.lines("ended")[1]["steps"]
        assert again == (last[after:] if with_store else last)


@pytest.mark.parametrize("exits", [True, False])
def test_a_crash_loses_what_the_modules_of_the_agent_held(job, exits: bool) -> None:
    undisturbed, crashed = job("Remembers"), job("Remembers")
    undisturbed.start([1, 2], script())
    crash(crashed, [1, 2], script(input_1=0), exits=exits)
    assert [run["outputs"] for run in runs(undisturbed)] == [[1], [3]]
    assert [run["outputs"] for run in runs(crashed)] == [[1], [2]]


def test_a_crash_loses_what_the_modules_of_an_installed_agent_held(job, monkeypatch: pytest.MonkeyPatch) -> None:
    here = Path(__file__).parent.resolve()
    monkeypatch.setattr(agent_process, "_INSTALLED", (*agent_process._INSTALLED, here))
    crashed = job("Remembers")
    crash(crashed, [1, 2], script(input_1=0), exits=False)
    assert [run["outputs"] for run in runs(crashed)] == [[1], [2]]


def test_an_agent_cannot_catch_the_end_of_its_attempt(job) -> None:
    catches = job("Catches")
    crash(catches, [1], script(input_0=1), exits=False)
    assert len(catches.lines("died")) == 1
    assert [run["outputs"] for run in runs(catches)] == [[[2, 4]]]


def test_calls_before_and_after_a_death_have_numbers_of_their_own(job) -> None:
    with call_log() as log:
        pays, url = job("Pays"), f"http://127.0.0.1:{log.port}{PATH}"
        pays.start([url], script(input_0=1))
        pays.start([url], script(input_0=1))
    assert [tuple(call[name] for name in ("Attempt", "Input", "Step", "Durable")) for call in log.calls] == [
        ("5", "0", "0", "0"),
        ("5", "0", "0", "1"),
        # Of the two calls the durable one was recorded.
        ("6", "0", "0", "0"),
    ]


def test_a_death_at_a_record_that_no_input_has_does_not_happen(job) -> None:
    sums = job("Sums")
    assert sums.start([1], script(input_0=7)) == 0
    assert sums.lines("died") == []
    assert sums.lines("ended")[0]["attempt"] == 5


def test_a_failure_is_written_down(job) -> None:
    fails = job("Fails")
    assert fails.start([1], script()) == 2
    assert "action 'fail'" in runs(fails)[0]["failure"]
    assert "\n" not in runs(fails)[0]["failure"]
    locks = job("Locks")
    assert locks.start([1], script()) == 2
    assert "and the job has an action state store" in runs(locks)[0]["failure"]
    assert job("Locks", with_store=False).start([1], script()) == 0


def test_each_run_of_an_input_is_at_the_time_that_the_script_names(job) -> None:
    config = {"short-term-memory.state-ttl.ms": 600, "short-term-memory.state-ttl.update-type": "on_create_and_write"}
    soon, late = job("Sums", config=config), job("Sums", config=config)
    soon.start([1, 2], replace(script(), clock_ms=(1000, 1100)))
    late.start([1, 2], replace(script(), clock_ms=(1000, 9000)))
    assert [run["outputs"] for run in runs(soon)] == [[4], [12]]
    assert [run["outputs"] for run in runs(late)] == [[4], [8]]
    assert [line["now_ms"] for line in late.lines("ended")] == [1000, 9000]
