"""The steps of a timeline, performed on a cluster that only counts and answers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.faults import FaultReport, FaultTarget, KillTaskManager
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest_connection import RestUnavailableError
from pytest_flink_agents.evidence.model import StepRecord
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import (
    Act,
    AfterCheckpoints,
    AfterOutputs,
    AfterSeconds,
    AtStart,
    InjectFault,
    StartFromSavepoint,
    Step,
    SwitchVersion,
    TakeSavepoint,
    TimelineRun,
    Trigger,
    savepoint_of,
)

JOB = "0123456789abcdef0123456789abcdef"


class CountingCluster:
    """Takes a savepoint when asked, unless it refuses. ``calls`` has the job and ``stop`` of each."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.calls: list[tuple[str, bool]] = []
        self.checkpoints = 0
        self.silent = False
        self._refuses = refuses

    def savepoint(self, job_id: str, *, stop: bool, timeout_s: float) -> str:
        self.calls.append((job_id, stop))
        if self._refuses:
            raise HostError(Problem("FA442", "Flink wrote no savepoint", seen="a task has ended"))
        return f"/savepoints/{len(self.calls)}"

    def completed_checkpoints(self, job_id: str) -> int:
        assert job_id == JOB
        if self.silent:
            raise RestUnavailableError(Problem("FA404", "Flink is not ready"))
        return self.checkpoints


class Running:
    """A run with a timeline. The test sets the time, the outputs and the cluster's checkpoints."""

    def __init__(self, timeline: Sequence[Step], monkeypatch: pytest.MonkeyPatch, *, refuses: bool = False) -> None:
        self.now_s = 100.0
        self.outputs = 0
        monkeypatch.setattr(clock, "now_s", lambda: self.now_s)
        self.cluster = CountingCluster(refuses=refuses)
        target = FaultTarget(cast(FlinkCluster, self.cluster), JOB)
        self.timeline = TimelineRun(timeline, target, lambda: self.outputs, frozenset)

    def advance(self) -> list[tuple[str, bool]]:
        """Look at the triggers once, and return the savepoints taken so far."""
        self.timeline.advance()
        return self.cluster.calls

    def records(self, restored: int = 0) -> tuple[StepRecord, ...]:
        return self.timeline.records(restored=restored)


def test_a_step_fires_once_when_its_trigger_is_due(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running([Step(AfterOutputs(2), TakeSavepoint())], monkeypatch)
    running.outputs = 1
    assert running.advance() == []
    running.outputs, running.now_s = 2, 103.5
    assert running.advance() == [(JOB, False)]
    running.outputs = 9
    assert running.advance() == [(JOB, False)]
    (record,) = running.records()
    assert record == StepRecord("after 2 outputs", "take a savepoint", 3.5, True, "/savepoints/1")
    assert record.began_s is not None
    assert record.ended_s is not None
    assert 0 <= record.ended_s - record.began_s < 60, "seconds since 1970"


def test_steps_fire_in_the_order_of_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running(
        [Step(AfterSeconds(5), TakeSavepoint()), Step(AfterOutputs(1), TakeSavepoint(stop=True))], monkeypatch
    )
    running.outputs = 1
    assert running.advance() == [], "the second step waits for the first, although its trigger is due"
    running.now_s = 105.0
    assert running.advance() == [(JOB, False)]
    stopped = [running.timeline.stopped]
    assert running.advance() == [(JOB, False), (JOB, True)]
    assert [*stopped, running.timeline.stopped] == [False, True]
    assert [record.detail for record in running.records()] == ["/savepoints/1", "/savepoints/2"]


@pytest.mark.parametrize("trigger", [AfterSeconds(1), AfterOutputs(1), AfterCheckpoints(1)])
def test_a_trigger_looks_at_its_own_count_only(trigger: Trigger, monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running([Step(trigger, TakeSavepoint())], monkeypatch)
    counts: dict[type[Trigger], tuple[object, str, float]] = {
        AfterSeconds: (running, "now_s", 101.0),
        AfterOutputs: (running, "outputs", 1),
        AfterCheckpoints: (running.cluster, "checkpoints", 1),
    }
    own = counts.pop(type(trigger))
    for owner, name, value in counts.values():
        setattr(owner, name, value)
    assert running.advance() == []
    setattr(*own)
    assert running.advance() == [(JOB, False)]


def test_a_refused_savepoint_is_recorded_as_not_felt_with_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running([Step(AfterOutputs(0), TakeSavepoint(stop=True))], monkeypatch, refuses=True)
    running.advance()
    running.advance()
    assert running.cluster.calls == [(JOB, True)], "a refused step is not tried again"
    (record,) = running.records()
    assert (record.fired_after_s, record.felt) == (0.0, False)
    assert "FA442" in record.detail
    assert "a task has ended" in record.detail
    assert not running.timeline.stopped, "the job goes on: it must still be waited for"


class Breaking(KillTaskManager):
    """Reports a given effect."""

    def strike(self, target: FaultTarget) -> FaultReport:
        return FaultReport(felt=True, detail="it broke", recovered_after_s=1.5, interrupted=True)


def test_a_record_has_the_effect_of_a_fault_on_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running([Step(AfterOutputs(0), InjectFault(Breaking()))], monkeypatch)
    running.advance()
    (record,) = running.records()
    assert (record.detail, record.recovered_after_s, record.interrupted) == ("it broke", 1.5, True)


def test_a_trigger_waits_while_rest_is_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running([Step(AfterCheckpoints(1), TakeSavepoint())], monkeypatch)
    running.cluster.checkpoints, running.cluster.silent = 1, True
    assert running.advance() == []
    running.cluster.silent = False
    assert running.advance() == [(JOB, False)]


def test_a_step_whose_trigger_never_comes_due_is_recorded_as_not_fired(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running([Step(AfterCheckpoints(3), TakeSavepoint())], monkeypatch)
    running.cluster.checkpoints = 2
    running.advance()
    assert running.records(restored=1) == (StepRecord("after 3 checkpoints", "take a savepoint"),)


def test_a_start_from_a_savepoint_is_felt_only_if_the_job_restored_it(monkeypatch: pytest.MonkeyPatch) -> None:
    timeline = [Step(AtStart(), StartFromSavepoint("/savepoints/7")), Step(AfterOutputs(1), TakeSavepoint())]
    assert savepoint_of(timeline) == "/savepoints/7"
    assert savepoint_of(timeline[1:]) == ""
    running = Running(timeline, monkeypatch)
    running.outputs = 1
    assert running.advance() == [(JOB, False)], "the start is not performed a second time"
    for restored, felt in ((0, False), (1, True)):
        start, savepoint = running.records(restored=restored)
        assert (start.fired_after_s, start.felt) == (0.0, felt)
        assert savepoint.felt


@pytest.mark.parametrize(
    ("trigger", "act"), [(AtStart(), TakeSavepoint()), (AfterOutputs(1), StartFromSavepoint("/savepoints/7"))]
)
def test_a_step_refuses_an_act_that_its_trigger_cannot_cause(trigger: Trigger, act: Act) -> None:
    with pytest.raises(ValueError, match="cannot be triggered by"):
        Step(trigger, act)


def test_a_run_without_a_timeline_asks_nothing_of_the_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    running = Running([], monkeypatch)
    assert running.advance() == []
    assert running.records(restored=1) == ()


class RefusingCluster(CountingCluster):
    """Refuses to stop a job, which is in ``state`` afterwards."""

    def __init__(self, directory: Path, state: str) -> None:
        super().__init__(refuses=True)
        self.rest = self.processes = self
        self.directory = directory
        self._state = state

    def job_state(self, job_id: str) -> str:
        if self._state == "lost":
            raise HostError(Problem("FA405", "Flink refused GET /jobs"))
        return self._state


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("RESTARTING", "the job was not stopped, and runs on"),
        ("FAILED", "the job is failed; no savepoint or checkpoint of the job is complete"),
        ("lost", "the job is lost; no savepoint or checkpoint of the job is complete"),
    ],
)
def test_a_refused_switch_says_what_has_become_of_the_job(state: str, said: str, tmp_path: Path) -> None:
    act = SwitchVersion(RunVersion("candidate", AgentSubject("s", {}), cast(Place, None)), lambda: None)
    with pytest.raises(HostError) as caught:
        act.perform(FaultTarget(cast(FlinkCluster, RefusingCluster(tmp_path, state)), JOB))
    assert caught.value.problems[0].next_step == said
