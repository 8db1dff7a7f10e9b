"""The timeline of a run: steps with a trigger and an act.

Faults, upgrades, rescaling and load are acts of this one mechanism. A step records when it fired
and whether the run felt it; a step that was not felt proves nothing, so the run is then *unknown*
(``checks.timeline``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from flink_testbed.core import clock
from flink_testbed.core.problem import ProblemError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import RestUnavailableError
from pytest_flink_agents.evidence.model import StepRecord

_SAVEPOINT_S = 60.0


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a running job that triggers look at.

    Counts are read on demand, since each costs a request or a read.
    """

    elapsed_s: float
    outputs: Callable[[], int]
    checkpoints: Callable[[], int]


class Trigger(ABC):
    """The moment at which a step fires."""

    @abstractmethod
    def due(self, progress: Progress) -> bool:
        """Return whether the moment has come."""


@dataclass(frozen=True, slots=True)
class AtStart(Trigger):
    """Fires when the job is submitted."""

    def due(self, progress: Progress) -> bool:
        """Return False: the step has fired with the submission."""
        return False


@dataclass(frozen=True, slots=True)
class AfterSeconds(Trigger):
    """Fires once the job has run for ``seconds``."""

    seconds: float

    def due(self, progress: Progress) -> bool:
        """Return whether the job has run that long."""
        return progress.elapsed_s >= self.seconds


@dataclass(frozen=True, slots=True)
class AfterOutputs(Trigger):
    """Fires once the job has committed ``count`` outputs.

    These are committed records, or lines of finished files.
    """

    count: int

    def due(self, progress: Progress) -> bool:
        """Return whether that many outputs are there."""
        return progress.outputs() >= self.count


@dataclass(frozen=True, slots=True)
class AfterCheckpoints(Trigger):
    """Fires once ``count`` checkpoints of the job are complete."""

    count: int = 1

    def due(self, progress: Progress) -> bool:
        """Return whether that many checkpoints are complete."""
        return progress.checkpoints() >= self.count


@dataclass(frozen=True, slots=True)
class StartFromSavepoint:
    """Start the job from the savepoint at ``path``.

    Only :class:`AtStart` can trigger it.
    """

    path: str


@dataclass(frozen=True, slots=True)
class TakeSavepoint:
    """Take a savepoint of the job.

    With ``stop`` the job ends with it. The record's detail is the savepoint's path.
    """

    stop: bool = False

    def perform(self, cluster: FlinkCluster, job_id: str) -> str:
        """Return the path of the savepoint. Raises ``HostError`` if Flink takes none."""
        return cluster.savepoint(job_id, stop=self.stop, timeout_s=_SAVEPOINT_S)


Act = StartFromSavepoint | TakeSavepoint


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a timeline: ``act`` happens when ``trigger`` is due."""

    trigger: Trigger
    act: Act

    def __post_init__(self) -> None:
        if isinstance(self.trigger, AtStart) != isinstance(self.act, StartFromSavepoint):
            raise ValueError(f"{self.act!r} cannot be triggered by {self.trigger!r}: AtStart() starts from a savepoint")


def savepoint_of(timeline: Sequence[Step]) -> str:
    """Return the savepoint that a timeline starts from, empty without one."""
    return next((step.act.path for step in timeline if isinstance(step.act, StartFromSavepoint)), "")


class TimelineRun:
    """The steps of one run, performed when their triggers are due.

    Each step is performed at most once. They keep the order of the list: a step whose trigger is
    due waits for the steps before it.
    """

    def __init__(
        self, timeline: Sequence[Step], cluster: FlinkCluster, job_id: str, outputs: Callable[[], int]
    ) -> None:
        self._cluster = cluster
        self._job_id = job_id
        self._outputs = outputs
        self._started_s = clock.now_s()
        self._waiting = [
            (number, step) for number, step in enumerate(timeline) if not isinstance(step.trigger, AtStart)
        ]
        self._records = [StepRecord(repr(step.trigger), repr(step.act)) for step in timeline]
        self._start = next((n for n, step in enumerate(timeline) if isinstance(step.trigger, AtStart)), None)
        # True once an act has ended the job before its input was read to the end.
        self.stopped = False

    def advance(self) -> None:
        """Perform the next step if its trigger is due."""
        if not self._waiting:
            return
        number, step = self._waiting[0]
        try:
            if not step.trigger.due(self._progress()):
                return
        except RestUnavailableError:
            # A JobManager that is replaced is silent for a while. The watch of the job, which looks
            # before each call of this method, ends the run if the silence lasts.
            return
        del self._waiting[0]
        fired_s = clock.now_s() - self._started_s
        assert isinstance(step.act, TakeSavepoint)
        try:
            detail, felt = step.act.perform(self._cluster, self._job_id), True
        except ProblemError as error:
            detail, felt = str(error), False
        self.stopped = self.stopped or (felt and step.act.stop)
        self._records[number] = replace(self._records[number], fired_after_s=fired_s, felt=felt, detail=detail)

    def records(self, *, restored: int) -> tuple[StepRecord, ...]:
        """Return the record of each step.

        ``restored`` counts the checkpoints and savepoints that the job started from.
        """
        if self._start is None:
            return tuple(self._records)
        started = replace(self._records[self._start], fired_after_s=0.0, felt=restored > 0)
        return tuple(started if number == self._start else record for number, record in enumerate(self._records))

    def _progress(self) -> Progress:
        return Progress(
            clock.now_s() - self._started_s,
            self._outputs,
            lambda: self._cluster.completed_checkpoints(self._job_id),
        )
