"""The outputs and events of a running job so far, and the wait for all outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from flink_testbed.core import clock
from pytest_flink_agents.evidence.event_log import read_event_logs
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.paced import Paced

# Longer than the second between two checkpoints, so that a superfluous output is committed before
# the run ends.
_SETTLED_S = 3.0


class OutputCount:
    """The number of a channel's outputs, read about once a second: each read fetches all of them."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._count = 0
        self._paced = Paced()

    def __call__(self) -> int:
        """Return the number as of the last read."""
        if self._paced.due():
            self._count = len(self._channel.outputs())
        return self._count


class LoggedTypes:
    """The types of the events in the logs below a directory, read about once a second.

    Each read takes all of them. A record counts once it is complete. ``elsewhere`` returns logs in other places.
    """

    def __init__(self, directory: Path, elsewhere: Callable[[], Iterable[Path]]) -> None:
        self._directory = directory
        self._elsewhere = elsewhere
        self._types: frozenset[str] = frozenset()
        self._paced = Paced()

    def __call__(self) -> frozenset[str]:
        """Return the types as of the last read."""
        if self._paced.due():
            log = read_event_logs(self._directory, elsewhere=self._elsewhere())
            self._types = frozenset(event.type for event in log.events)
        return self._types


class Arrival:
    """The condition that all expected outputs have come.

    It holds once no other output has come for three seconds after them. Looks about once a second.
    """

    def __init__(self, channel: Channel, expected: int) -> None:
        self._channel = channel
        self._expected = expected
        self._seen = -1
        self._since_s = clock.now_s()
        self._paced = Paced()

    def __call__(self) -> bool:
        """Return whether the condition holds; between two looks it does not."""
        if not self._paced.due():
            return False
        now_s, seen = clock.now_s(), len(self._channel.outputs())
        if seen != self._seen:
            self._seen, self._since_s = seen, now_s
        return seen >= self._expected and now_s - self._since_s >= _SETTLED_S
