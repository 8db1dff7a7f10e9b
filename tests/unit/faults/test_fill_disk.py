"""A disk that is full for a while."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from flink_testbed.core import clock
from flink_testbed.faults import FaultTarget, FillDisk
from flink_testbed.faults.job_status import JobStatus

RUNNING = JobStatus("RUNNING", last_failure_ms=0, restored=0, runs=True)


class Flink:
    """A cluster, its processes and its REST API; ``failing`` checkpoints fail while the disk is full."""

    def __init__(self, failing: int) -> None:
        self.rest = self
        self.done: list[str] = []
        self._failing, self._counts = failing, {"failed": 1, "completed": 5}

    def require_processes(self) -> Flink:
        return self

    def fill_disk(self, name: str) -> None:
        self.done.append(f"fill {name}")

    def free_disk(self, name: str) -> None:
        self._counts["failed"] += self._failing
        self.done.append(f"free {name}")

    def checkpoint_counts(self, job_id: str) -> dict[str, int]:
        return dict(self._counts)

    def job(self, job_id: str) -> dict[str, Any]:
        return {"state": "RUNNING"}

    def wait(self, probe: Any, *, what: str, timeout_s: float) -> Any:
        self.done.append(f"wait for {what}")
        assert probe()[0] is None
        self._counts["completed"] += 1
        return probe()[0]


def inject(flink: Flink) -> str:
    return FillDisk(2).inject(FaultTarget(cast(Any, flink), "job"))


@pytest.fixture(autouse=True)
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "pause", lambda seconds: None)


def test_a_disk_is_full_for_a_while_and_a_later_checkpoint_completes() -> None:
    flink = Flink(failing=2)
    assert inject(flink) == "the JobManager could write no file for 2 s, 2 checkpoints failed"
    assert flink.done == ["fill jobmanager", "free jobmanager", "wait for a checkpoint after those that failed"]
    assert FillDisk(2).name == "fill_disk jobmanager"


def test_nothing_is_waited_for_if_no_checkpoint_failed() -> None:
    flink = Flink(failing=0)
    assert inject(flink).endswith("0 checkpoints failed")
    assert flink.done == ["fill jobmanager", "free jobmanager"]


def test_an_interrupted_fault_frees_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(clock, "pause", interrupted)
    flink = Flink(failing=0)
    with pytest.raises(KeyboardInterrupt):
        inject(flink)
    assert flink.done == ["fill jobmanager", "free jobmanager"]


def test_a_full_disk_is_felt_by_a_checkpoint_or_by_the_job() -> None:
    fault = FillDisk(2)
    assert fault.felt(RUNNING, replace(RUNNING, failed_checkpoints=1))
    assert fault.felt(RUNNING, replace(RUNNING, last_failure_ms=1))
    assert not fault.felt(RUNNING, RUNNING)
