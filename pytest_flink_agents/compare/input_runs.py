"""Compare two runs of the same input or key, and the calls that were made in them."""

from __future__ import annotations

import enum
import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.evidence.replays import InputRun
from pytest_flink_agents.vocabulary import INPUT_EVENT, OUTPUT_EVENT

# Outputs are compared on their own, and the input is the same.
COMPARED_ELSEWHERE = frozenset((INPUT_EVENT, OUTPUT_EVENT))
# A question that a model is asked twice changes nothing, and its answer is part of what is compared.
_EFFECTS = "effects"
# Ids that clients of models draw as UUIDs, and those that the scripted model counts.
_DRAWN_ID = re.compile(
    r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|\b(?:call|toolu)_\d+_\d+\b|\b(?:msg_|chatcmpl-)\d+\b"
)


class Aspect(str, enum.Enum):
    """The parts of a run that are compared."""

    FAILURE = "failure"
    TOOL_CALLS = "tool calls"
    EFFECTS = "effects"
    OUTPUTS = "outputs"
    MEMORY = "memory"
    EVENTS = "events"


# The lists of a run by aspect.
_LISTS = {Aspect.TOOL_CALLS: "tool_calls", Aspect.EFFECTS: "effects", Aspect.OUTPUTS: "outputs"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A part of a run that is not as in another one."""

    aspect: Aspect
    expected: Any
    seen: Any


@dataclass(frozen=True, slots=True)
class CallDifferences:
    """Calls that are too many in one run, each as often as that, and those that are missing.

    A ``repeated`` call is in the other run, too; an ``other`` one is not.
    """

    repeated: tuple[EffectCall, ...] = ()
    other: tuple[EffectCall, ...] = ()
    missing: tuple[EffectCall, ...] = ()


def run_differences(expected: InputRun, seen: InputRun) -> tuple[Difference, ...]:
    """Return the differences of a run from an expected one.

    A failure explains all others, and events are compared only if all else is equal. Ids that clients
    and servers of models draw are equal in events if they stand at the same places; so are those of
    them that the memory holds.
    """
    if expected.failure != seen.failure:
        return (Difference(Aspect.FAILURE, expected.failure or "no failure", seen.failure or "no failure"),)
    (events, memory), (other_events, other_memory) = _without_drawn_ids(expected), _without_drawn_ids(seen)
    found = []
    for aspect, word in _LISTS.items():
        one, other = list(getattr(expected, word)), list(getattr(seen, word))
        # As JSON text: in Python 1, 1.0 and True are equal.
        if as_json(one) != as_json(other):
            found.append(Difference(aspect, one, other))
    if memory != other_memory:
        found.append(Difference(Aspect.MEMORY, dict(expected.memory), dict(seen.memory)))
    if not found and events != other_events:
        found.append(Difference(Aspect.EVENTS, events, other_events))
    return tuple(found)


def call_differences(expected: Sequence[EffectCall], seen: Sequence[EffectCall]) -> CallDifferences:
    """Return the differences of the calls in a run from the expected ones, in whatever order.

    Only calls that can change something count. Two calls are the same if method, address and body
    are; an endpoint that recognised a repeated idempotency key did the work once.
    """
    wanted, made = (_with_effect(calls) for calls in (expected, seen))
    known = {call.content for call in wanted}
    surplus = _beyond(made, wanted)
    return CallDifferences(
        repeated=tuple(call for call in surplus if call.content in known),
        other=tuple(call for call in surplus if call.content not in known),
        missing=_beyond(wanted, made),
    )


def _without_drawn_ids(run: InputRun) -> tuple[Any, Any]:
    """Return events and memory with a number instead of each drawn id of the events."""
    plain = [[kind, None if kind in COMPARED_ELSEWHERE else attributes] for kind, attributes in run.events]
    names: dict[str, str] = {}
    events = _DRAWN_ID.sub(lambda found: names.setdefault(found[0], f"id-{len(names) + 1}"), as_json(plain))
    memory = _DRAWN_ID.sub(lambda found: names.get(found[0], found[0]), as_json(dict(run.memory)))
    return json.loads(events), json.loads(memory)


def as_json(value: Any) -> str:
    """Return a text that is equal for equal JSON values, whatever the order of names."""
    return json.dumps(value, sort_keys=True, default=str)


def _with_effect(calls: Sequence[EffectCall]) -> list[EffectCall]:
    known: set[tuple[str, str, str | None]] = set()
    counted = []
    for call in calls:
        if call.source != _EFFECTS or not call.accepted or call.asks:
            continue
        work = (call.endpoint, call.route, call.idempotency_key)
        # The endpoint may have done the work in the undisturbed run, which is not part of this one.
        if call.replayed and work in known:
            continue
        known.add(work)
        counted.append(call)
    return counted


def _beyond(calls: Sequence[EffectCall], others: Sequence[EffectCall]) -> tuple[EffectCall, ...]:
    left = Counter(call.content for call in others)
    found = []
    for call in calls:
        if left[call.content] > 0:
            left[call.content] -= 1
        else:
            found.append(call)
    return tuple(found)
