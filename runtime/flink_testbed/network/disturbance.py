"""Disturbances of a network as delays of the data that it carries. Pure.

TCP sends again what a network loses or cuts, so that such data arrive late but not out of order. So each
disturbance is a delay.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum

# Linux sends a lost segment again after 200 ms at the earliest (TCP_RTO_MIN), then after twice the time.
_FIRST_RETRY_S = 0.2
# A minute and a half: TCP itself goes on for a quarter of an hour.
_MAX_RETRIES = 8


class Direction(Enum):
    """A direction of the data, from the side of the client that has connected."""

    REQUESTS = "requests"
    ANSWERS = "answers"


BOTH = frozenset(Direction)


@dataclass(frozen=True, slots=True)
class Disturbance(ABC):
    """What happens to the data of the ``directions``; those of the other one pass."""

    directions: frozenset[Direction] = BOTH

    @abstractmethod
    def held_s(self, chance: random.Random) -> float:
        """Return for how long the next piece of data is held back; infinite is until the disturbance ends."""


@dataclass(frozen=True, slots=True)
class Held:
    """The data that a disturbance has held back: ``size`` in bytes, the first ones ``first_s`` seconds after 1970.

    ``first_s`` is None if there were none.
    """

    size: int = 0
    first_s: float | None = None


@dataclass(frozen=True, slots=True)
class Cut(Disturbance):
    """Nothing arrives. Connections stay open and silent, as if a cable was pulled."""

    def held_s(self, chance: random.Random) -> float:
        """Return infinity."""
        return math.inf


@dataclass(frozen=True, slots=True)
class Delay(Disturbance):
    """Everything arrives ``seconds`` later."""

    seconds: float = 0.0

    def held_s(self, chance: random.Random) -> float:
        """Return the delay."""
        return self.seconds


@dataclass(frozen=True, slots=True)
class Loss(Disturbance):
    """A ``share`` of the pieces is lost, and arrives when TCP has sent them again."""

    share: float = 0.0

    def held_s(self, chance: random.Random) -> float:
        """Return the time of all attempts that were lost, often 0."""
        held_s, retry_s = 0.0, _FIRST_RETRY_S
        for _ in range(_MAX_RETRIES):
            if chance.random() >= self.share:
                break
            held_s, retry_s = held_s + retry_s, 2 * retry_s
        return held_s
