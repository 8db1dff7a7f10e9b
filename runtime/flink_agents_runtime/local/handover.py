"""The state that one version of an agent passes to the next, and its form in a request."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Handover:
    """The state that one version of an agent passes to the next: that of its keys, and the number of the first input.

    ``states`` maps keys as JSON text to snapshots. Inputs that were read and not begun are in them.
    """

    states: Mapping[str, bytes] = field(default_factory=dict)
    first: int = 0


@dataclass(frozen=True, slots=True)
class Stop:
    """The moment at which a version stops for the next one: after so many ``outputs``.

    Inputs that were read and not begun are passed on with the states of their keys. Without ``keeps_states`` none are,
    as by a job on Flink that is cancelled right after a checkpoint: all that was read has ended, or waits for a call.
    """

    outputs: int
    keeps_states: bool = True


def read_stop(given: Mapping[str, Any] | None) -> Stop | None:
    """Return the stop of a request, None without one."""
    return None if given is None else Stop(given["outputs"], given["keeps_states"])


def read_handover(given: Mapping[str, Any] | None) -> Handover | None:
    """Return the handover of a request, None without one."""
    if given is None:
        return None
    return Handover({key: b64decode(state) for key, state in given["states"].items()}, given["first"])


def written_handover(handover: Handover | None) -> dict[str, Any] | None:
    """Return a handover as JSON for a request or a result."""
    if handover is None:
        return None
    states = {key: b64encode(state).decode() for key, state in handover.states.items()}
    return {"states": states, "first": handover.first}
