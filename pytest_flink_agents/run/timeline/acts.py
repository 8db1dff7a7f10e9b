"""The acts of a timeline's steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from flink_testbed.core.problem import HostError
from flink_testbed.faults import Fault, FaultTarget
from flink_testbed.flink.rest import TERMINAL_STATES
from pytest_flink_agents.evidence.upgrade import RESCALE, STOP
from pytest_flink_agents.run.restore_point import way_on

if TYPE_CHECKING:
    from pytest_flink_agents.run.place import Place
    from pytest_flink_agents.run.subject import AgentSubject

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

    Only :class:`AtStart` can trigger it. ``version`` is the name of the version that the job runs, empty for a run of
    one version.
    """

    path: str
    version: str = ""

    def __str__(self) -> str:
        return (
            f"start the {self.version} from savepoint {self.path}"
            if self.version
            else f"start from savepoint {self.path}"
        )


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
class SwitchVersion:
    """Stop the job with a savepoint, from which another version of its agent starts.

    ``name`` is the name of that version, and ``place`` where it runs. ``write`` writes the next part of the
    inputs: it is called right before the savepoint, and again when it is complete, as a stream does not wait
    for the next version.
    """

    subject: AgentSubject
    place: Place
    name: str
    write: Callable[[], None]

    def __str__(self) -> str:
        return f"{STOP}{self.name}"

    def perform(self, target: FaultTarget) -> ActResult:
        """Stop the job. Raises ``HostError`` if Flink takes no savepoint."""
        self.write()
        try:
            path = target.cluster.savepoint(target.job_id, stop=True, timeout_s=_SAVEPOINT_S)
        except HostError as error:
            raise HostError(*(replace(each, next_step=_after_refusal(target)) for each in error.problems)) from error
        self.write()
        return ActResult(felt=True, detail=path, interrupted=True, stopped=True)


def _after_refusal(target: FaultTarget) -> str:
    """Return what has become of a job that Flink did not stop, in words."""
    try:
        state = target.cluster.rest.job_state(target.job_id)
    except HostError:
        state = "lost"
    if state == "lost" or state in TERMINAL_STATES:
        return f"the job is {state.lower()}; {way_on(target.cluster.directory, [target.job_id])}"
    return "the job was not stopped, and runs on"


@dataclass(frozen=True, slots=True)
class Rescale(SwitchVersion):
    """Stop the job with a savepoint, from which it starts with the parallelism of ``subject``."""

    def __str__(self) -> str:
        return f"{RESCALE}{self.subject.parallelism}"


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


Act = StartFromSavepoint | TakeSavepoint | SwitchVersion | InjectFault
