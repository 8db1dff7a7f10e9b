"""The replays of inputs on a cluster, from the crash points to evidence; a stand-in takes the place of Flink."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.evidence.replays import InputRun, RecordedStep, Replays, UndisturbedRun
from pytest_flink_agents.run import paced
from pytest_flink_agents.run.cluster_replays import crash_points, evenly, replay_on_cluster, sweeps
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject, ScriptSubject
from pytest_flink_agents.vocabulary import Engine, Tier

INPUTS = [{"key": "k", "value": value} for value in (3, 4)]
STEP = {"action": "pay", "call": "", "ended": True}
SUBJECT = AgentSubject("one", {"agent": "shop:Pays"}, {"job-identifier": "mine"}, parallelism=4)


def one(number: int, steps: int) -> UndisturbedRun:
    return UndisturbedRun(number, "k", (RecordedStep("pay"),) * steps, InputRun())


def test_a_crash_point_is_before_each_record_and_after_the_last() -> None:
    runs = [one(0, 2), one(1, 0)]
    assert crash_points(runs, with_store=True) == [(0, 0), (0, 1), (0, 2), (1, 0)]
    # Whatever the moment, all is lost: one replay with the calls up to the end stands for all of them.
    assert crash_points(runs, with_store=False) == [(0, 2), (1, 0)]


def test_of_many_points_some_are_chosen_from_the_first_to_the_last() -> None:
    points = [(number, 0) for number in range(100)]
    chosen = evenly(points, 4)
    assert [(point.input, point.attempt) for point in chosen] == [(0, 1), (33, 3), (66, 5), (99, 7)]
    assert [point.input for point in evenly(points, 100)] == list(range(100))
    assert str(Replays(replays=(), points=3)) == "0 of 3 crash points replayed, evenly chosen"


def test_in_one_job_no_input_has_two_crashes() -> None:
    points = evenly([(0, 0), (0, 1), (0, 2), (1, 0), (2, 0), (2, 1)], 10)
    assert [[(point.input, point.after) for point in group] for group in sweeps(points)] == [
        [(0, 0), (1, 0), (2, 0)],
        [(0, 1), (2, 1)],
        [(0, 2)],
    ]


class Flink:
    """A cluster, its submitter and its one job, which processes what it is given whenever somebody looks."""

    rest_url = "http://127.0.0.1:1"
    run_id = "r"
    shares_files = True
    worker_python = ""

    def __init__(self) -> None:
        self.client_options: dict[str, str] = {}
        self.asked: list[dict[str, Any]] = []
        self.checkpoints: list[int] = []
        self.cancelled = self.stopped = 0
        self.rest = self
        # What the job does with an input before and after its end.
        self.before: Callable[[int], None] = lambda number: None
        self.end: Callable[[int], dict[str, Any]] = lambda number: {}

    def submitter(self, *_: Any) -> Flink:
        return self

    def request(self, op: str, **fields: Any) -> dict[str, Any]:
        self.asked.append(fields)
        self.read: set[Path] = set()
        self.restored = 0
        self.state = "RUNNING"
        self.write(what="opened")
        described = {"config": [], "listeners": {}, "actions": [], "plan_text": "{}", "python_mode": "process"}
        return {"job_id": f"job-{len(self.asked)}", **described}

    def write(self, **line: Any) -> None:
        with Path(self.asked[-1]["replay"]["journal"]).open("a") as journal:
            journal.write(json.dumps(line) + "\n")

    def adopt(self, _: str) -> None: ...

    def wait_for_tasks(self, *_: Any, **__: Any) -> None: ...

    def checkpoint(self, *_: Any, **__: Any) -> None:
        self.checkpoints.append(len(self.read))

    def checkpoint_counts(self, _: str) -> dict[str, int]:
        return {"restored": self.restored}

    def savepoint(self, _: str, *, stop: bool, timeout_s: float) -> None:
        self.stopped += stop
        self.state = "FINISHED"

    def cancel(self, _: str) -> None:
        self.cancelled += 1
        self.state = "CANCELED"

    def exception(self, _: str) -> str:
        return "java.lang.RuntimeException: no memory"

    def job_state(self, _: str) -> str:
        directory = Path(self.asked[-1]["source_and_sink"]["files"]["inputs"])
        for file in sorted(set(directory.glob("[0-9]*")) - self.read):
            self.read.add(file)
            for line in file.read_text().splitlines():
                self.process(json.loads(line)["input"])
        return self.state

    require_alive = wait_for_tasks

    def wait(self, probe: Callable[[], tuple[Any, str]], *, what: str, timeout_s: float) -> Any:
        return clock.wait_until(probe, what=what, timeout_s=timeout_s, interval_s=0.01)

    def process(self, number: int) -> None:
        script = self.asked[-1]["replay"]
        self.before(number)
        attempt = script["attempt"]
        for death in (death for death in script["deaths"] if death["input"] == number):
            self.write(what="died", input=number)
            self.write(what="opened")
            self.restored += 1
            attempt = death["attempt"] + 1
        run: dict[str, Any] = {"outputs": [number], "events": [], "memory": {}, "failure": None}
        line = {"input": number, "attempt": attempt, "now_ms": 100 + number, "steps": [STEP], "run": run, "problem": ""}
        self.write(what="ended", **{**line, **self.end(number)})


@pytest.fixture
def flink(monkeypatch: pytest.MonkeyPatch) -> Flink:
    monkeypatch.setattr(paced, "_EVERY_S", 0.0)
    return Flink()


def replayed(flink: Flink, directory: Path, *, with_store: bool = True, run_s: float = 5.0) -> Replays:
    environment: Any = SimpleNamespace(
        submitter=flink.submitter,
        cluster=lambda *_: flink,
        engine=SimpleNamespace(name=Engine.BUNDLED, jars=()),
        progress=lambda _: None,
    )
    place = Place(environment, Tier.EMBEDDED, directory)
    return replay_on_cluster(SUBJECT, INPUTS, place, with_store=with_store, run_s=run_s)


def test_each_input_is_run_again_from_each_of_its_crash_points(flink: Flink, tmp_path: Path) -> None:
    result = replayed(flink, tmp_path)
    assert [run.run.outputs for run in result.undisturbed] == [(0,), (1,)]
    assert [(one.input, one.after, one.died, one.attempt) for one in result.replays] == [
        (0, 0, 1, 2),
        (1, 0, 5, 6),
        (0, 1, 3, 4),
        (1, 1, 7, 8),
    ]
    assert (result.points, result.unknown, [one.problem for one in result.replays]) == (4, "", [""] * 4)
    # Right before each input with a crash, of which each is in a file of its own.
    assert flink.checkpoints == [0, 1, 0, 1]
    assert (flink.stopped, flink.cancelled) == (3, 0)
    scripts = [asked["replay"] for asked in flink.asked]
    assert [(script["attempt"], script["clock_ms"]) for script in scripts] == [
        (0, []),
        (9, [100, 101]),
        (10, [100, 101]),
    ]
    assert scripts[1]["deaths"] == [{"input": 0, "after": 0, "attempt": 1}, {"input": 1, "after": 0, "attempt": 5}]
    # No job finds the records of another, each keeps the order of its inputs, and runs in the mode of the own run.
    assert len({asked["config"]["job-identifier"] for asked in flink.asked}) == 3
    assert {asked["parallelism"] for asked in flink.asked} == {1}
    assert not any("python.execution-mode" in asked["flink_config"] for asked in flink.asked)
    assert [asked["flink_config"]["restart-strategy.fixed-delay.attempts"] for asked in flink.asked] == ["0", "2", "2"]


def test_without_a_store_one_replay_of_an_input_stands_for_all(flink: Flink, tmp_path: Path) -> None:
    result = replayed(flink, tmp_path, with_store=False)
    assert [(one.input, one.after) for one in result.replays] == [(0, 1), (1, 1)]


def test_a_point_that_was_not_reached_has_no_run(flink: Flink, tmp_path: Path) -> None:
    flink.end = lambda number: {"attempt": 10, "steps": []} if len(flink.asked) == 3 and number == 1 else {}
    missing = [one for one in replayed(flink, tmp_path).replays if one.run is None]
    assert [(one.input, one.after, one.problem) for one in missing] == [
        (1, 1, "the point was not reached: the input has 0 recorded steps in this run")
    ]


def restart_unplanned(flink: Flink, number: int) -> None:
    if len(flink.asked) == 2 and number == 1:
        flink.write(what="opened")


def test_a_job_that_restarted_for_another_reason_proves_nothing(flink: Flink, tmp_path: Path) -> None:
    flink.before = lambda number: restart_unplanned(flink, number)
    result = replayed(flink, tmp_path)
    unplanned = (
        "after 2 deaths the job has 4 starts, 2 of them from a checkpoint: java.lang.RuntimeException: no memory"
    )
    assert [one.problem for one in result.replays] == [unplanned, unplanned, "", ""]


def test_a_failed_job_says_why(flink: Flink, tmp_path: Path) -> None:
    def fail(number: int) -> None:
        flink.state = "FAILED"

    flink.process = fail  # type: ignore[method-assign]
    failed = "the undisturbed run failed: the job is FAILED: java.lang.RuntimeException: no memory"
    assert replayed(flink, tmp_path).unknown == failed


def test_without_a_checkpoint_before_an_input_no_crash_is_judged(
    flink: Flink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise HostError(Problem("FA442", "Flink wrote no checkpoint", seen="a task has ended"))

    monkeypatch.setattr(flink, "checkpoint", refuse)
    missing = "no checkpoint before an input: Flink wrote no checkpoint; last seen: a task has ended"
    assert [(one.run, one.problem) for one in replayed(flink, tmp_path).replays] == [(None, missing)] * 4


def test_a_failure_is_the_end_of_its_job(flink: Flink, tmp_path: Path) -> None:
    failed = {"run": {"outputs": [], "events": [], "memory": {}, "failure": "no stock"}}
    flink.end = lambda number: failed if len(flink.asked) == 2 else {}
    first, second, *_ = replayed(flink, tmp_path).replays
    assert (first.run, second.run) == (InputRun(failure="no stock"), None)
    flink.end = lambda number: failed
    (tmp_path / "again").mkdir()
    result = replayed(flink, tmp_path / "again")
    assert (result.undisturbed, result.replays, result.unknown) == ((), (), "the undisturbed run failed: no stock")


def test_the_first_end_of_an_input_counts(flink: Flink, tmp_path: Path) -> None:
    """An agent that fails restarts its job, and may not fail again."""

    def fail_once(number: int) -> dict[str, Any]:
        if len(flink.asked) == 2 and number == 0:
            failed = {"outputs": [], "events": [], "memory": {}, "failure": "no stock"}
            flink.write(what="ended", input=0, attempt=2, now_ms=100, steps=[], run=failed, problem="")
        return {}

    flink.end = fail_once
    assert replayed(flink, tmp_path).replays[0].run == InputRun(failure="no stock")


def test_an_input_that_does_not_end_is_unknown(flink: Flink, tmp_path: Path) -> None:
    flink.process = lambda number: None  # type: ignore[method-assign]
    result = replayed(flink, tmp_path, run_s=0.2)
    assert "waited 0.2 s for the end of input 1; last seen: 0 inputs of this job have ended" in result.unknown
    assert (flink.stopped, flink.cancelled) == (0, 1)


def test_only_an_agent_is_replayed(tmp_path: Path) -> None:
    place: Any = None
    with pytest.raises(ValueError, match="only the inputs of an agent"):
        replay_on_cluster(ScriptSubject(tmp_path / "a.py"), [], place, with_store=False, run_s=1)
