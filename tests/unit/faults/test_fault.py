"""A fault is felt or not, by the state of the job before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.faults import (
    FailCheckpoints,
    Fault,
    FaultTarget,
    KillBroker,
    KillJobManager,
    KillPythonWorkers,
    KillTaskManager,
    PauseProcess,
)
from flink_testbed.faults import fault as fault_module
from flink_testbed.faults.job_status import JobStatus
from flink_testbed.flink.cluster import FlinkCluster

RUNNING = JobStatus("RUNNING", last_failure_ms=0, restored=0, runs=True, process=1)
RESTARTING = JobStatus("RESTARTING", last_failure_ms=1, restored=0, runs=False, process=1)
RESTORED = JobStatus("RUNNING", last_failure_ms=1, restored=1, runs=True, process=1)
FROM_THE_START = JobStatus("RUNNING", last_failure_ms=1, restored=0, runs=True, process=1)
FINISHED = JobStatus("FINISHED", last_failure_ms=0, restored=0, runs=False, process=1)
FAILED = JobStatus("FAILED", last_failure_ms=1, restored=0, runs=False, process=1)
NEXT_JOBMANAGER = JobStatus("RUNNING", last_failure_ms=0, restored=1, runs=True, process=2)


class Processes:
    """Notes what is done to the processes."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.taskmanagers = ["taskmanager-0", "taskmanager-1"]
        self.workers = [0, 0, 2]

    def kill_taskmanager(self, name: str) -> str:
        self.done.append(f"kill {name}")
        return name

    def add_taskmanager(self) -> str:
        self.done.append("add")
        return "taskmanager-2"

    def kill_jobmanager(self) -> None:
        self.done.append("kill jobmanager")

    def kill_python_workers(self) -> int:
        return self.workers.pop(0) if self.workers else 0

    def pause(self, name: str) -> None:
        self.done.append(f"pause {name}")

    def resume(self, name: str) -> None:
        self.done.append(f"resume {name}")


class Cluster:
    """Shows the states of a job, one at each look; the last one stays."""

    rest_url = "http://127.0.0.1:1"

    def __init__(self, *states: JobStatus) -> None:
        self.processes = Processes()
        self.rest = self
        self._states = list(states)

    def require_processes(self) -> Processes:
        return self.processes

    def taskmanagers_of(self, job_id: str) -> set[str]:
        return {"taskmanager-1"}

    def next_state(self) -> JobStatus:
        return self._states.pop(0) if len(self._states) > 1 else self._states[0]

    def wait_ready(self, timeout_s: float) -> None:
        self.processes.done.append("ready")

    def wait(self, probe: Callable[[], tuple[Any, str]], *, what: str, timeout_s: float) -> Any:
        for _ in range(5):
            found, seen = probe()
            if found is not None:
                return found
        raise WaitTimeoutError(Problem("FA401", f"gave up waiting for {what}", seen=seen))


@pytest.fixture(autouse=True)
def looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fault_module, "read_job_status", lambda cluster, job_id: cluster.next_state())
    monkeypatch.setattr(clock, "pause", lambda seconds: None)


def strike(fault: Fault, *states: JobStatus, kafka: object = None) -> tuple[Any, list[str]]:
    cluster = Cluster(*states)
    target = FaultTarget(cast(FlinkCluster, cluster), "job", cast(Any, kafka))
    report = fault.strike(target)
    return report, cluster.processes.done


def test_the_taskmanager_of_the_job_is_killed_and_replaced_and_the_recovery_timed() -> None:
    report, done = strike(KillTaskManager(), RUNNING, RUNNING, RESTARTING, RESTARTING, RESTORED)
    assert done == ["kill taskmanager-1", "add"]
    assert (report.felt, report.recovered_after_s is not None, report.interrupted) == (True, True, True)
    assert "from a checkpoint" in report.detail


def test_a_job_that_restarts_from_its_beginning_says_so() -> None:
    report, _ = strike(KillTaskManager(), RUNNING, FROM_THE_START)
    assert report.felt
    assert "from the beginning of its input" in report.detail


def test_a_kill_that_the_job_does_not_notice_is_not_felt() -> None:
    report, done = strike(KillTaskManager(), RUNNING)
    assert done == ["kill taskmanager-1", "add"], "healed all the same"
    assert not report.felt
    assert "did not notice" in report.detail


def test_a_job_that_ends_before_it_notices_has_not_felt_the_fault() -> None:
    report, _ = strike(KillTaskManager(), RUNNING, FINISHED)
    assert (report.felt, "without having noticed" in report.detail) == (False, True)


def test_nothing_is_broken_for_a_job_that_has_ended() -> None:
    report, done = strike(KillTaskManager(), FINISHED)
    assert (report.felt, done) == (False, [])


def test_a_job_that_fails_by_the_fault_has_felt_it_and_not_recovered() -> None:
    report, _ = strike(KillTaskManager(), RUNNING, RESTARTING, FAILED)
    assert (report.felt, report.recovered_after_s, report.interrupted) == (True, None, True)
    assert "failed" in report.detail


def test_a_job_that_never_runs_again_was_interrupted() -> None:
    report, _ = strike(KillTaskManager(), RUNNING, RESTARTING)
    assert (report.felt, report.recovered_after_s, report.interrupted) == (True, None, True)


def test_a_cancelled_job_has_not_recovered() -> None:
    report, _ = strike(KillTaskManager(), RUNNING, RESTARTING, replace(FAILED, state="CANCELED"))
    assert (report.felt, report.recovered_after_s) == (True, None)


def test_a_killed_jobmanager_is_felt_when_the_next_one_has_the_job() -> None:
    report, done = strike(KillJobManager(), RUNNING, RUNNING, NEXT_JOBMANAGER)
    assert done == ["kill jobmanager", "ready"]
    assert (report.felt, report.recovered_after_s is not None, report.interrupted) == (True, True, True)


def test_python_workers_are_killed_once_they_have_started() -> None:
    report, _ = strike(KillPythonWorkers(), RUNNING, RUNNING, RESTARTING, RESTORED)
    assert (report.felt, report.interrupted) == (True, True)
    assert report.detail.startswith("Python workers killed: 2; all tasks ran again")


def test_a_killed_python_worker_that_the_job_does_not_notice_is_not_felt() -> None:
    assert not strike(KillPythonWorkers(), RUNNING)[0].felt


def test_a_job_without_python_workers_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Processes, "kill_python_workers", lambda self: 0)
    with pytest.raises(HostError, match="no Python worker to kill"):
        strike(KillPythonWorkers(), RUNNING)


def test_a_short_pause_is_felt_without_a_restart() -> None:
    report, done = strike(PauseProcess("taskmanager", 1), RUNNING, RUNNING)
    assert done == ["pause taskmanager-1", "resume taskmanager-1"], "the one that runs the job"
    assert (report.felt, report.recovered_after_s, report.interrupted) == (True, None, False)


def test_no_taskmanager_is_paused_if_none_runs_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cluster, "taskmanagers_of", lambda self, job_id: {"(unassigned)"})
    with pytest.raises(HostError, match="no TaskManager that could be paused runs a task of the job"):
        strike(PauseProcess("taskmanager", 1), RUNNING)


@pytest.mark.parametrize(
    ("now", "interrupted"),
    [
        (replace(FINISHED, failed_checkpoints=2), False),
        (replace(FINISHED, failed_checkpoints=2, last_failure_ms=1, restored=1), True),
        (replace(FINISHED, failed_checkpoints=2, process=2), True),
        (replace(FAILED, last_failure_ms=0, failed_checkpoints=2), True),
    ],
)
def test_a_job_that_finishes_during_failed_checkpoints_was_not_interrupted(
    monkeypatch: pytest.MonkeyPatch, now: JobStatus, interrupted: bool
) -> None:
    monkeypatch.setattr(FailCheckpoints, "inject", lambda self, target: "checkpoints failed")
    monkeypatch.setattr(FailCheckpoints, "heal", lambda self, target: None)
    report, _ = strike(FailCheckpoints(3), RUNNING, now)
    assert (report.felt, report.interrupted) == (True, interrupted)
    assert (report.recovered_after_s is not None) == (interrupted and now.state == "FINISHED")


def test_a_pause_until_after_the_end_of_the_job_is_not_felt() -> None:
    report, _ = strike(PauseProcess("jobmanager", 1), RUNNING, FINISHED)
    assert not report.felt


def test_a_broker_cannot_be_killed_without_kafka() -> None:
    with pytest.raises(HostError, match="no Kafka broker to kill"):
        strike(KillBroker(1), RUNNING)
