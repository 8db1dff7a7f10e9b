"""Faults of the storage of checkpoints."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.faults.fault import Fault, FaultTarget
from flink_testbed.faults.job_status import JobStatus
from flink_testbed.flink.rest import TERMINAL_STATES

_DIRECTORY = "execution.checkpointing.dir"
# Flink's shortest interval is 10 ms, so that no run of checkpoints outlasts the blocked numbers.
_PER_SECOND = 100
_LATER_S = 90.0


@dataclass(frozen=True, slots=True)
class FailCheckpoints(Fault):
    """Make every checkpoint that begins within ``seconds`` fail.

    The directory of each of the next checkpoints is taken by a file of its name, so that Flink
    cannot create it. Earlier checkpoints stay readable, and a job that fails because of it is
    restored from the last one. Permissions would not stop a Flink that runs as root.
    """

    seconds: float
    # The directories with such files, by job: to remove them must need no answer of Flink.
    _blocked: dict[str, Path] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The fault in the words of a scenario."""
        return "fail checkpoints"

    def inject(self, target: FaultTarget) -> str:
        """Block the next checkpoints, wait, and wait for a later one to complete.

        Raises :class:`HostError` FA440 if none was begun meanwhile.
        """
        before = target.cluster.rest.checkpoint_counts(target.job_id)["failed"]
        try:
            self._block(target)
            clock.pause(self.seconds)
        finally:
            self.heal(target)
        failed = target.cluster.rest.checkpoint_counts(target.job_id)["failed"] - before
        if not failed:
            raise HostError(
                Problem(
                    "FA440",
                    "no checkpoint failed",
                    expected=f"a checkpoint that begins within {self.seconds:g} s",
                    next_step="let the fault last longer than execution.checkpointing.interval (for: 10s)",
                )
            )
        wait_for_checkpoint(target)
        return f"checkpoints failed for {self.seconds:g} s, {failed} in number"

    def heal(self, target: FaultTarget) -> None:
        """Remove the files that block checkpoints, also while no JobManager answers."""
        directory = self._blocked.get(target.job_id)
        for path in directory.glob("chk-*") if directory else ():
            if path.is_file():
                path.unlink(missing_ok=True)

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether more checkpoints have failed."""
        return now.failed_checkpoints > before.failed_checkpoints

    def _block(self, target: FaultTarget) -> None:
        directory = _directory(target)
        if not directory.is_dir():
            raise HostError(Problem("FA440", "the job has no directory of checkpoints", where=str(directory)))
        self._blocked[target.job_id] = directory
        begun = target.cluster.rest.checkpoints(target.job_id)["history"]
        first = max((int(checkpoint["id"]) for checkpoint in begun), default=0) + 1
        for number in range(first, first + int((self.seconds + 1) * _PER_SECOND)):
            # A checkpoint that has begun meanwhile has its directory.
            with contextlib.suppress(FileExistsError):
                (directory / f"chk-{number}").touch(exist_ok=False)


def wait_for_checkpoint(target: FaultTarget) -> None:
    """Wait until one more checkpoint is complete, or the job has ended. Raises :class:`WaitTimeoutError`."""
    rest = target.cluster.rest
    completed = rest.checkpoint_counts(target.job_id)["completed"]

    def probe() -> tuple[bool | None, str]:
        ended = str(rest.job(target.job_id)["state"]) in TERMINAL_STATES
        now = rest.checkpoint_counts(target.job_id)["completed"]
        return (True if ended or now > completed else None), f"{now} complete"

    target.cluster.wait(probe, what="a checkpoint after those that failed", timeout_s=_LATER_S)


def _directory(target: FaultTarget) -> Path:
    """Return the directory of the job's checkpoints. Raises :class:`HostError` for an external cluster."""
    target.cluster.require_processes()
    uri = target.cluster.configuration().get(_DIRECTORY)
    if not uri:
        raise HostError(Problem("FA440", f"the cluster does not report {_DIRECTORY}", where=target.cluster.rest_url))
    return Path(unquote(urlsplit(uri).path)) / target.job_id
