"""The acts of a timeline's steps."""

from __future__ import annotations

from dataclasses import dataclass

from flink_testbed.faults import Fault, FaultTarget

_SAVEPOINT_S = 60.0


@dataclass(frozen=True, slots=True)
class ActResult:
    """The result of an act.

    ``stopped`` is True if the act has ended the job before its input was read to the end. See
    ``evidence.StepRecord`` for the others.
    """

    felt: bool
    detail: str
    recovered_after_s: float | None = None
    interrupted: bool = False
    stopped: bool = False


@dataclass(frozen=True, slots=True)
class StartFromSavepoint:
    """Start the job from the savepoint at ``path``.

    Only :class:`AtStart` can trigger it.
    """

    path: str

    def __str__(self) -> str:
        return f"start from savepoint {self.path}"


@dataclass(frozen=True, slots=True)
class TakeSavepoint:
    """Take a savepoint of the job.

    With ``stop`` the job ends with it. The record's detail is the savepoint's path.
    """

    stop: bool = False

    def __str__(self) -> str:
        return "stop with a savepoint" if self.stop else "take a savepoint"

    def perform(self, target: FaultTarget) -> ActResult:
        """Take the savepoint. Raises ``HostError`` if Flink takes none."""
        path = target.cluster.savepoint(target.job_id, stop=self.stop, timeout_s=_SAVEPOINT_S)
        return ActResult(felt=True, detail=path, stopped=self.stop)


@dataclass(frozen=True, slots=True)
class InjectFault:
    """Break something on purpose, heal it, and wait until the job runs again."""

    fault: Fault

    def __str__(self) -> str:
        return self.fault.name

    def perform(self, target: FaultTarget) -> ActResult:
        """Inject the fault. Raises ``HostError`` if it cannot be injected."""
        report = self.fault.strike(target)
        return ActResult(report.felt, report.detail, report.recovered_after_s, report.interrupted)


Act = StartFromSavepoint | TakeSavepoint | InjectFault
