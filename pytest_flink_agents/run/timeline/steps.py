"""The steps of a run, and their execution."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from flink_testbed.core import clock
from flink_testbed.core.problem import ProblemError
from flink_testbed.faults import FaultTarget
from flink_testbed.flink.rest_connection import RestUnavailableError
from pytest_flink_agents.evidence.model import StepRecord
from pytest_flink_agents.run.timeline.acts import Act, ActResult, StartAnew, StartFromSavepoint, SwitchVersion
from pytest_flink_agents.run.timeline.triggers import AtStart, Progress, Trigger

_STARTS = (StartFromSavepoint, StartAnew)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a timeline: ``act`` happens when ``trigger`` is due."""

    trigger: Trigger
    act: Act

    def __post_init__(self) -> None:
        if isinstance(self.trigger, AtStart) != isinstance(self.act, _STARTS):
            raise ValueError(f"{self.act!r} cannot be triggered by {self.trigger!r}: AtStart() starts a job")


def start_of(timeline: Sequence[Step]) -> StartFromSavepoint | None:
    """Return the savepoint that a timeline starts from, None without one."""
    return next((step.act for step in timeline if isinstance(step.act, StartFromSavepoint)), None)


def begins_anew(timeline: Sequence[Step]) -> bool:
    """Return whether a timeline starts without state where another version stopped reading."""
    return any(isinstance(step.act, StartAnew) for step in timeline)


def savepoint_of(timeline: Sequence[Step]) -> str:
    """Return the path of the savepoint that a timeline starts from, empty without one."""
    start = start_of(timeline)
    return start.path if start else ""


class TimelineRun:
    """The steps of one run, performed when their triggers are due.

    Each step is performed at most once. They keep the order of the list: a step whose trigger is
    due waits for the steps before it.
    """

    def __init__(
        self,
        timeline: Sequence[Step],
        target: FaultTarget,
        outputs: Callable[[], int],
        event_types: Callable[[], Collection[str]],
    ) -> None:
        self._target = target
        self._outputs = outputs
        self._event_types = event_types
        self._started_s = clock.now_s()
        self._waiting = [
            (number, step) for number, step in enumerate(timeline) if not isinstance(step.trigger, AtStart)
        ]
        self._records = [StepRecord(str(step.trigger), str(step.act)) for step in timeline]
        starts = ((number, step.act) for number, step in enumerate(timeline) if isinstance(step.trigger, AtStart))
        self._start = next(starts, None)
        # True once an act has ended the job before its input was read to the end.
        self.stopped = False
        # The act that stopped the job for another version, and its savepoint.
        self.switch: tuple[SwitchVersion, str] | None = None
        # True if the job could not be stopped for another version.
        self.refused = False

    @property
    def switches(self) -> bool:
        """True if another version has yet to replace the job."""
        return any(isinstance(step.act, SwitchVersion) for _, step in self._waiting)

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
        fired_s, began_s = clock.now_s() - self._started_s, clock.wall_time_s()
        assert not isinstance(step.act, _STARTS)
        try:
            result = step.act.perform(self._target)
        except ProblemError as error:
            result = ActResult(felt=False, detail=str(error))
        self.stopped = self.stopped or result.stopped
        if isinstance(step.act, SwitchVersion):
            self.switch, self.refused = ((step.act, result.detail), False) if result.felt else (None, True)
        self._records[number] = replace(
            self._records[number],
            fired_after_s=fired_s,
            felt=result.felt,
            detail=result.detail,
            recovered_after_s=result.recovered_after_s,
            interrupted=result.interrupted,
            began_s=began_s,
            ended_s=clock.wall_time_s(),
        )
        if result.gives_up:
            self._waiting.clear()
            del self._records[number + 1 :]

    def records(self, *, restored: int) -> tuple[StepRecord, ...]:
        """Return the record of each step.

        ``restored`` counts the checkpoints and savepoints that the job started from.
        """
        if self._start is None:
            return tuple(self._records)
        number, act = self._start
        felt = (restored > 0) == isinstance(act, StartFromSavepoint)
        started = replace(self._records[number], fired_after_s=0.0, felt=felt)
        return tuple(started if each == number else record for each, record in enumerate(self._records))

    def _progress(self) -> Progress:
        target = self._target
        return Progress(
            clock.now_s() - self._started_s,
            self._outputs,
            lambda: target.cluster.completed_checkpoints(target.job_id),
            self._event_types,
        )
