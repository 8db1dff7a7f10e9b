"""The records of an action state store: what a run wrote down about its actions, and when."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ActionState:
    """One record of the topic of action states.

    ``sequence`` counts the inputs of ``key`` from 1; with ``position``, which is empty for an action of the input event,
    and ``action`` it identifies an execution. ``completed`` is False for the durable calls of an action in progress and
    for ``removed`` ones, which a later record deletes. ``at_s`` is the time at which the broker appended the record, in
    seconds since 1970.
    """

    job: str
    key: Any
    sequence: int
    position: str
    action: str
    partition: int
    offset: int
    at_s: float
    completed: bool = False
    removed: bool = False
