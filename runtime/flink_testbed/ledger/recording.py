"""The calls of an earlier run, which are all that a run whose effects are held back may make."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flink_testbed.ledger.entry import EffectCall, Seen, call_seen

HELD_BACK = "held back"


@dataclass(frozen=True, slots=True)
class Recording:
    """The numbers of recorded calls by what identifies one.

    With ``exact`` that is everything but its time and cause, else the endpoint and the method.
    """

    numbers: Mapping[str, Sequence[int]]
    exact: bool = True

    @classmethod
    def of(cls, calls: Iterable[EffectCall], *, exact: bool = True) -> Recording:
        """Return the recording of an earlier run's calls; those that no route answered are left out."""
        numbers: dict[str, list[int]] = {}
        for call in calls:
            if call.source == "effects" and call.route:
                numbers.setdefault(_identity(call, exact=exact), []).append(call.sequence)
        return cls(numbers, exact)

    def as_data(self) -> dict[str, Any]:
        """Return the recording as JSON data."""
        return {"numbers": {name: list(numbers) for name, numbers in self.numbers.items()}, "exact": self.exact}


class Held:
    """The calls of a recording that a run has not made yet, or of a run that still goes on. For one thread."""

    def __init__(self, recording: Recording) -> None:
        self._exact = recording.exact
        self._left = {name: list(numbers) for name, numbers in recording.numbers.items()}

    def learn(self, seen: Seen, number: int) -> None:
        """Add a call that the other run has just made, and its number there."""
        self._left.setdefault(_identity(call_seen(seen), exact=self._exact), []).append(number)

    def has(self, seen: Seen) -> bool:
        """Return whether :meth:`take` would return a number."""
        return bool(self._left.get(_identity(call_seen(seen), exact=self._exact)))

    def take(self, seen: Seen) -> int | None:
        """Return the number that a call had in the recording, None if it is not in it, or was made as often already.

        A question may be asked any number of times.
        """
        call = call_seen(seen)
        left = self._left.get(_identity(call, exact=self._exact))
        if not left:
            return None
        return left[0] if call.asks and len(left) == 1 else left.pop(0)

    def give_back(self, seen: Seen, number: int) -> None:
        """Undo :meth:`take` for a call that never arrived."""
        left = self._left[_identity(call_seen(seen), exact=self._exact)]
        if number not in left:
            left.insert(0, number)


def _identity(call: EffectCall, *, exact: bool) -> str:
    text = call.content if exact else f"{call.endpoint} {call.method}"
    return hashlib.sha256(text.encode()).hexdigest()
