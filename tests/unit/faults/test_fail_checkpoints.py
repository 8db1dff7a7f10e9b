"""Checkpoints that fail because their directories cannot be created."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.faults import FailCheckpoints, FaultTarget
from flink_testbed.faults.job_status import JobStatus

RUNNING = JobStatus("RUNNING", last_failure_ms=0, restored=0, runs=True)


class Flink:
    """A cluster and its REST API, whose checkpoints begin while the fault lasts.

    ``begun`` of them begin then; a later one completes if ``recovers``.
    """

    def __init__(self, directory: Path, *, begun: int = 2, recovers: bool = True) -> None:
        self.rest, self.rest_url = self, "http://127.0.0.1:1"
        self.job_directory = directory / "a b" / "job"
        self.job_directory.mkdir(parents=True)
        (self.job_directory / "chk-7").mkdir()
        self.counts = {"completed": 7, "failed": 0, "restored": 0}
        self.blocked: list[str] = []
        self.silent = False
        self._begun, self._recovers = begun, recovers

    def require_processes(self) -> None:
        pass

    def configuration(self) -> dict[str, str]:
        if self.silent:
            return {}
        return {"execution.checkpointing.dir": self.job_directory.parent.as_uri()}

    def checkpoints(self, job_id: str) -> dict[str, Any]:
        return {"history": [{"id": 6}, {"id": 5}]}

    def checkpoint_counts(self, job_id: str) -> dict[str, int]:
        return dict(self.counts)

    def job(self, job_id: str) -> dict[str, Any]:
        return {"state": "RUNNING"}

    def meanwhile(self, seconds: float) -> None:
        self.blocked = sorted(path.name for path in self.job_directory.iterdir() if path.is_file())
        for number in range(8, 8 + self._begun):
            with pytest.raises(FileExistsError):
                (self.job_directory / f"chk-{number}").mkdir()
            self.counts["failed"] += 1

    def wait(self, probe: Any, *, what: str, timeout_s: float) -> Any:
        found, seen = probe()
        assert found is None, "a checkpoint that completed earlier does not count"
        self.counts["completed"] += self._recovers
        found, seen = probe()
        if found is None:
            raise WaitTimeoutError(Problem("FA401", f"gave up waiting for {what}", seen=seen))
        return found


def inject(flink: Flink, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(clock, "pause", flink.meanwhile)
    return FailCheckpoints(3).inject(FaultTarget(cast(Any, flink), "job"))


def files(flink: Flink) -> list[Path]:
    return [path for path in flink.job_directory.iterdir() if path.is_file()]


def test_the_next_checkpoints_fail_and_the_earlier_one_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flink = Flink(tmp_path)
    assert inject(flink, monkeypatch) == "checkpoints failed for 3 s, 2 in number"
    assert {"chk-8", "chk-300"} <= set(flink.blocked), "as many as can begin within the time"
    assert files(flink) == []
    assert (flink.job_directory / "chk-7").is_dir()


def test_a_fault_without_a_failed_checkpoint_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flink = Flink(tmp_path, begun=0)
    with pytest.raises(HostError, match="no checkpoint failed"):
        inject(flink, monkeypatch)
    assert files(flink) == []


def test_files_are_removed_while_no_jobmanager_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flink = Flink(tmp_path)

    def silenced(seconds: float) -> None:
        flink.silent = True
        raise HostError(Problem("FA401", "no answer"))

    monkeypatch.setattr(clock, "pause", silenced)
    fault, target = FailCheckpoints(3), FaultTarget(cast(Any, flink), "job")
    with pytest.raises(HostError, match="no answer"):
        fault.inject(target)
    assert files(flink) == []
    fault.heal(target)
    with pytest.raises(HostError, match=r"does not report execution\.checkpointing\.dir"):
        FailCheckpoints(3).inject(target)


def test_a_job_that_completes_no_later_checkpoint_is_not_healed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WaitTimeoutError, match="a checkpoint after those that failed"):
        inject(Flink(tmp_path, recovers=False), monkeypatch)


def test_a_job_without_a_directory_of_checkpoints_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flink = Flink(tmp_path)
    (flink.job_directory / "chk-7").rmdir()
    flink.job_directory.rmdir()
    with pytest.raises(HostError, match="no directory of checkpoints"):
        inject(flink, monkeypatch)


def test_failed_checkpoints_are_felt() -> None:
    fault = FailCheckpoints(3)
    assert fault.felt(RUNNING, replace(RUNNING, failed_checkpoints=1))
    assert not fault.felt(replace(RUNNING, failed_checkpoints=1), replace(RUNNING, failed_checkpoints=1))
