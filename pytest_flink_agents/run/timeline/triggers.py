"""The triggers of a timeline's steps: the moments at which they fire."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass

from flink_testbed.ledger.entry import History


@dataclass(frozen=True, slots=True)
class Progress:
    """The state of a running job that triggers look at.

    Counts are read on demand, since each costs a request or a read.
    """

    elapsed_s: float
    outputs: Callable[[], int]
    checkpoints: Callable[[], int]
    event_types: Callable[[], Collection[str]]


class Trigger(ABC):
    """The moment at which a step fires. Its text reads like ``after 2 outputs``."""

    @abstractmethod
    def due(self, progress: Progress) -> bool:
        """Return whether the moment has come."""


@dataclass(frozen=True, slots=True)
class AtStart(Trigger):
    """Fires when the job is submitted."""

    def __str__(self) -> str:
        return "at the start"

    def due(self, progress: Progress) -> bool:
        """Return False: the step has fired with the submission."""
        return False


@dataclass(frozen=True, slots=True)
class Then(Trigger):
    """Fires at once after the step before."""

    def __str__(self) -> str:
        return "then"

    def due(self, progress: Progress) -> bool:
        """Return True: steps keep their order."""
        return True


@dataclass(frozen=True, slots=True)
class AfterSeconds(Trigger):
    """Fires once the job has run for ``seconds``."""

    seconds: float

    def __str__(self) -> str:
        return f"after {self.seconds:g} s"

    def due(self, progress: Progress) -> bool:
        """Return whether the job has run that long."""
        return progress.elapsed_s >= self.seconds


@dataclass(frozen=True, slots=True)
class AfterOutputs(Trigger):
    """Fires once the job has committed ``count`` outputs.

    These are committed records, or lines of finished files.
    """

    count: int

    def __str__(self) -> str:
        return f"after {self.count} outputs"

    def due(self, progress: Progress) -> bool:
        """Return whether that many outputs are there."""
        return progress.outputs() >= self.count


@dataclass(frozen=True, slots=True)
class AfterCheckpoints(Trigger):
    """Fires once ``count`` checkpoints of the job are complete."""

    count: int = 1

    def __str__(self) -> str:
        return f"after {self.count} checkpoints"

    def due(self, progress: Progress) -> bool:
        """Return whether that many checkpoints are complete."""
        return progress.checkpoints() >= self.count


@dataclass(frozen=True, slots=True)
class AfterEffect(Trigger):
    """Fires once an endpoint was called.

    ``history`` returns the calls that the ledger has recorded. Such a call may still wait for its
    answer.
    """

    endpoint: str
    history: Callable[[], History]

    def __str__(self) -> str:
        return f"after the first call of {self.endpoint}"

    def due(self, progress: Progress) -> bool:
        """Return whether a call of the endpoint is recorded."""
        return any(entry.endpoint == self.endpoint for entry in self.history().entries)


@dataclass(frozen=True, slots=True)
class AfterEvent(Trigger):
    """Fires once an event of a type was logged."""

    event_type: str

    def __str__(self) -> str:
        return f"after the first {self.event_type}"

    def due(self, progress: Progress) -> bool:
        """Return whether such an event is in a log."""
        return self.event_type in progress.event_types()
