"""Faults of the disks that a cluster writes to."""

from __future__ import annotations

from dataclasses import dataclass

from flink_testbed.core import clock
from flink_testbed.faults.checkpoints import wait_for_checkpoint
from flink_testbed.faults.fault import Fault, FaultTarget
from flink_testbed.faults.job_status import JobStatus
from flink_testbed.flink.processes import JOBMANAGER


@dataclass(frozen=True, slots=True)
class FillDisk(Fault):
    """Let the JobManager write no file for ``seconds``, as if its disk was full.

    It cannot complete a checkpoint then, and writes no log. A TaskManager of Flink 2.2.1 ends itself a
    second after its disk is full, so that killing it is the same.
    """

    seconds: float

    @property
    def name(self) -> str:
        """The fault in the words of a scenario."""
        return "fill_disk jobmanager"

    def inject(self, target: FaultTarget) -> str:
        """Fill the disk, wait, and free it; wait for a checkpoint if one has failed."""
        before = target.cluster.rest.checkpoint_counts(target.job_id)["failed"]
        target.processes.fill_disk(JOBMANAGER)
        try:
            clock.pause(self.seconds)
        finally:
            target.processes.free_disk(JOBMANAGER)
        failed = target.cluster.rest.checkpoint_counts(target.job_id)["failed"] - before
        if failed:
            wait_for_checkpoint(target)
        return f"the JobManager could write no file for {self.seconds:g} s, {failed} checkpoints failed"

    def heal(self, target: FaultTarget) -> None:
        """Do nothing: the JobManager can write since the end of the injection."""

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether more checkpoints have failed, or the job itself."""
        return now.failed_checkpoints > before.failed_checkpoints or now.last_failure_ms > before.last_failure_ms
