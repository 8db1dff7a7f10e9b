"""The events of a candidate from the moment at which it took over from the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from flink_agents_runtime.engine.action_record import key_text
from pytest_flink_agents.evidence.model import Event
from pytest_flink_agents.vocabulary import INPUT_EVENT


def events_from(events: Sequence[Event], first: int, keys: Sequence[Any]) -> tuple[tuple[Event, ...], str]:
    """Return the events of the inputs from number ``first`` on, and why some may be missing, empty if none can be.

    ``keys`` has the key of each input. A key handles its inputs one after the other, so its last inputs are those.
    """
    if any(event.key is None for event in events):
        return (), "the event log does not have the keys of the events, so those of the shadow cannot be told apart"
    begun = Counter(key_text(event.key) for event in events if event.type == INPUT_EVENT)
    in_shadow = begun - Counter(key_text(key) for key in keys[first:])
    missing = Counter(key_text(key) for key in keys[first:]) - begun
    if missing:
        return (), f"the event log lacks {missing.total()} input events of the candidate"
    found, seen = [], Counter[str]()
    for event in events:
        key = key_text(event.key)
        seen[key] += event.type == INPUT_EVENT
        if seen[key] > in_shadow[key]:
            found.append(event)
    return tuple(found), ""
