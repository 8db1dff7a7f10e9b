"""Faults of the disks that a cluster writes to."""

from __future__ import annotations

from dataclasses import dataclass

from flink_testbed.core import clock
from flink_testbed.faults.checkpoints import wait_for_checkpoint
from flink_testbed.faults.fault import Fault, FaultTarget
from flink_testbed.faults.job_status import JobStatus
from flink_testbed.faults.processes import member_of


@dataclass(frozen=True, slots=True)
class FillDisk(Fault):
    """Let a process write no file for ``seconds``, as if its disk was full.

    That is its checkpoints, logs, temporary files and, on a TaskManager, the files of its agents.
    """

    process: str
    seconds: float

    @property
    def name(self) -> str:
        """The fault in the words of a scenario."""
        return f"fill_disk {self.process}"

    def inject(self, target: FaultTarget) -> str:
        """Fill the disk, wait, and free it; wait for a checkpoint if one has failed."""
        member = member_of(target, self.process)
        before = target.cluster.rest.checkpoint_counts(target.job_id)["failed"]
        target.processes.fill_disk(member)
        try:
            clock.pause(self.seconds)
        finally:
            target.processes.free_disk(member)
        failed = target.cluster.rest.checkpoint_counts(target.job_id)["failed"] - before
        if failed:
            wait_for_checkpoint(target)
        return f"{member} could write no file for {self.seconds:g} s, {failed} checkpoints failed"

    def heal(self, target: FaultTarget) -> None:
        """Do nothing: the process can write since the end of the injection."""

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether more checkpoints have failed, or the job itself."""
        return now.failed_checkpoints > before.failed_checkpoints or now.failures > before.failures
