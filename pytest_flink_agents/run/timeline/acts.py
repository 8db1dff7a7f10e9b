"""The acts of a timeline's steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flink_testbed.core.problem import HostError
from flink_testbed.faults import Fault, FaultTarget
from pytest_flink_agents.evidence.upgrade import RESCALE, STOP, STOP_AT_CHECKPOINT, STOP_WITHOUT_STATE
from pytest_flink_agents.run.restore_point import after_refusal
from pytest_flink_agents.vocabulary import UpgradeMode

if TYPE_CHECKING:
    from flink_testbed.flink.cluster import FlinkCluster
    from pytest_flink_agents.run.run_version import RunVersion

_SAVEPOINT_S = 60.0
# For the first checkpoint of a job that has just started: on a busy machine outputs can be seen before it.
_FIRST_CHECKPOINT_S = 15.0


@dataclass(frozen=True, slots=True)
class ActResult:
    """The result of an act.

    ``stopped`` is True if the act has ended the job before its input was read to the end. With ``gives_up`` the steps
    behind it make no sense any more. See ``evidence.StepRecord`` for the others.
    """

    felt: bool
    detail: str
    recovered_after_s: float | None = None
    interrupted: bool = False
    stopped: bool = False
    gives_up: bool = False


@dataclass(frozen=True, slots=True)
class StartFromSavepoint:
    """Start the job from the savepoint at ``path``.

    Only :class:`AtStart` can trigger it. ``version`` is the name of the version that the job runs, empty for a run of
    one version. ``before`` is the version that wrote a stored savepoint, None if the savepoint is one of this run.
    """

    path: str
    version: str = ""
    before: RunVersion | None = None

    def __str__(self) -> str:
        return (
            f"start the {self.version} from savepoint {self.path}"
            if self.version
            else f"start from savepoint {self.path}"
        )


@dataclass(frozen=True, slots=True)
class StartAnew:
    """Start the job of a version without any state, where the one before stopped reading. See :class:`AtStart`."""

    version: str

    def __str__(self) -> str:
        return f"start the {self.version} without state"


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


_STOPS: Mapping[UpgradeMode, str] = {
    UpgradeMode.SAVEPOINT: STOP,
    UpgradeMode.LAST_STATE: STOP_AT_CHECKPOINT,
    UpgradeMode.STATELESS: STOP_WITHOUT_STATE,
}


@dataclass(frozen=True, slots=True)
class SwitchVersion:
    """Stop the job for another version of its agent, which starts from what ``mode`` names.

    ``write`` writes the next part of the inputs: it is called right before the stop, and again when that is
    complete, as a stream does not wait for the next version.
    """

    version: RunVersion
    write: Callable[[], None]
    mode: UpgradeMode = UpgradeMode.SAVEPOINT

    def __str__(self) -> str:
        return f"{_STOPS[self.mode]}{self.version.name}"

    def perform(self, target: FaultTarget) -> ActResult:
        """Stop the job. Raises ``HostError`` if Flink takes no savepoint, or has no checkpoint."""
        self.write()
        try:
            path = self._stop(target.cluster, target.job_id)
        except HostError as error:
            # Without the trace, of which Flink's reason is the first line.
            next_step = after_refusal(target.cluster, target.job_id)
            raise HostError(*(replace(each, next_step=next_step, detail="") for each in error.problems)) from error
        self.write()
        # A fresh start on purpose is no interruption, after which a job would have to restore its state.
        return ActResult(felt=True, detail=path, interrupted=self.mode is not UpgradeMode.STATELESS, stopped=True)

    def _stop(self, cluster: FlinkCluster, job_id: str) -> str:
        """Stop the job and return the address of the state that it left, empty for none."""
        if self.mode is UpgradeMode.SAVEPOINT:
            return cluster.savepoint(job_id, stop=True, timeout_s=_SAVEPOINT_S)
        last_state = self.mode is UpgradeMode.LAST_STATE
        if last_state:
            # A job without one is not stopped: there would be nothing to start from.
            cluster.last_checkpoint(job_id, timeout_s=_FIRST_CHECKPOINT_S)
        cluster.cancel(job_id, timeout_s=_SAVEPOINT_S)
        return cluster.final_checkpoint(job_id) if last_state else ""


@dataclass(frozen=True, slots=True)
class Rescale(SwitchVersion):
    """Stop the job with a savepoint, from which it starts with the parallelism of its version."""

    def __str__(self) -> str:
        return f"{RESCALE}{self.version.subject.parallelism}"


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


@dataclass(frozen=True, slots=True)
class MoveBeside:
    """One step of another version that is alive beside the job; ``do`` performs it and ``text`` names it."""

    text: str
    do: Callable[[FaultTarget], ActResult]

    def __str__(self) -> str:
        return self.text

    def perform(self, target: FaultTarget) -> ActResult:
        """Perform the step. Raises ``HostError`` if that is not possible."""
        return self.do(target)


Act = MoveBeside | StartFromSavepoint | StartAnew | TakeSavepoint | SwitchVersion | InjectFault
