"""The steps of an expected trajectory, and the logged events that they are compared with.

A tool request may ask for several calls at once, which have no order among themselves.
"""

from __future__ import annotations

import enum
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.checks.outputs import Matches, identity
from pytest_flink_agents.checks.pairing import largest_pairing
from pytest_flink_agents.evidence.model import Event, Evidence
from pytest_flink_agents.vocabulary import LIFECYCLE_PREFIX, TOOL_REQUEST_EVENT

_SHOWN_CHARACTERS = 160
# Bounds the time of a search for the nearest event.
_COMPARED = 100
# Keys of the objects that replace the parts that an event log cuts.
_CUT = frozenset({"truncatedString", "truncatedList", "truncatedObject"})


class StepKind(enum.Enum):
    """The kinds of steps: an event, one tool call, or several calls of one request."""

    EVENT = "event"
    TOOL = "tool"
    PARALLEL = "parallel"


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call that a model asked for.

    ``name`` is empty and ``arguments`` are None if they cannot be read.
    """

    name: str
    arguments: Any

    @property
    def text(self) -> str:
        """The call as text, like ``pay_back {"order": "o-1"}``."""
        return _cut(f"{self.name} {_json(self.arguments)}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One logged event with the tool calls that it asks for."""

    event: Event
    calls: tuple[Call, ...] = ()

    @property
    def is_unreadable(self) -> bool:
        """True for a request for tools whose calls are no list: cut, or in a form of another release."""
        return self.event.type == TOOL_REQUEST_EVENT and not isinstance(_listed_calls(self.event), (list, tuple))

    @property
    def text(self) -> str:
        """The event as text: its calls, or its type and attributes."""
        if self.event.type == TOOL_REQUEST_EVENT and self.calls:
            shown = " + ".join(call.text for call in self.calls)
            return f"tool {shown}" if len(self.calls) == 1 else f"parallel {shown}"
        return _cut(f"{self.event.type} {_json(dict(self.event.attributes))}")


@dataclass(frozen=True, slots=True)
class TrajectoryStep:
    """One expected step; ``path`` is its place in the scenario.

    ``name`` is the type of an event or the name of a tool, ``matcher`` that of the attributes or
    arguments, which are ``shown`` as written. A parallel step has the ``calls`` of one request.
    """

    path: tuple[str | int, ...]
    kind: StepKind
    name: str = ""
    shown: Any = None
    matcher: Matches | None = None
    calls: tuple[TrajectoryStep, ...] = ()

    @property
    def text(self) -> str:
        """The step as text, in the form of :attr:`Entry.text`."""
        if self.kind is StepKind.PARALLEL:
            return f"parallel {' + '.join(call.text.removeprefix('tool ') for call in self.calls)}"
        name = f"tool {self.name}" if self.kind is StepKind.TOOL else self.name
        return name if self.shown is None else f"{name} {_json(self.shown)}"

    def fits_call(self, call: Call) -> bool:
        """Return whether this step of a tool expects a call."""
        return call.name == self.name and (self.matcher is None or not self.matcher.match(call.arguments))

    def fits(self, entry: Entry) -> bool:
        """Return whether the step accounts for a whole event.

        A tool step does if its call is the only one of the request.
        """
        if self.kind is StepKind.EVENT:
            if entry.event.type != self.name:
                return False
            return self.matcher is None or not self.matcher.match(dict(entry.event.attributes))
        if self.kind is StepKind.TOOL:
            return len(entry.calls) == 1 and self.fits_call(entry.calls[0])
        if len(entry.calls) != len(self.calls):
            return False
        pairs = largest_pairing(
            len(self.calls), len(entry.calls), lambda left, right: self.calls[left].fits_call(entry.calls[right])
        )
        return len(pairs) == len(self.calls)

    def occurs_in(self, entry: Entry) -> bool:
        """Return whether an event has this step, alone or as one of several calls."""
        if self.kind is StepKind.TOOL:
            return any(self.fits_call(call) for call in entry.calls)
        return self.fits(entry)

    def may_hide_in(self, entry: Entry) -> bool:
        """Return whether an event without this step may have it in a part that is cut or unreadable."""
        if self.kind is StepKind.EVENT:
            return self.matcher is not None and entry.event.type == self.name and is_cut(entry.event.attributes)
        if entry.event.type != TOOL_REQUEST_EVENT:
            return False
        if entry.is_unreadable:
            return True
        steps = self.calls or (self,)
        return any(
            not call.name or (call.name == step.name and (call.arguments is None or is_cut(call.arguments)))
            for step in steps
            for call in entry.calls
        )

    def nearest(self, entries: Sequence[Entry]) -> str:
        """Return the nearest tool call or event that came, with its differences."""
        if self.kind is StepKind.PARALLEL or self.matcher is None:
            return ""
        named = (each for entry in entries for each in self._candidates(entry))
        found = [(self.matcher.match(value), shown) for value, shown in itertools.islice(named, _COMPARED)]
        if not found:
            return ""
        deviations, shown = min(found, key=lambda each: len(each[0]))
        if not deviations:
            return f"; one came too early, or counts for another step: {shown.text}"
        places = "; ".join(
            f"at {one.place}: expected {one.expected_text}, seen {_cut(_json(one.seen))}" for one in deviations[:3]
        )
        return f"; the nearest that came: {shown.text} ({places})"

    def _candidates(self, entry: Entry) -> list[tuple[Any, Call | Entry]]:
        """Return the values of an event that the matcher could match, with their wholes."""
        if self.kind is StepKind.TOOL:
            return [(call.arguments, call) for call in entry.calls if call.name == self.name]
        return [(dict(entry.event.attributes), entry)] if entry.event.type == self.name else []


class Match(enum.Enum):
    """The ways in which a trajectory is compared."""

    EXACT = "exact"
    IN_ORDER = "in_order"
    UNORDERED = "unordered"
    AT_LEAST = "at_least"
    AT_MOST = "at_most"


@dataclass(frozen=True, slots=True)
class Trajectory:
    """The expected steps of one key, or of every key with an input.

    ``never`` are events and calls that must not occur. ``key`` counts if ``of_one_key`` is true.
    """

    path: tuple[str | int, ...]
    match: Match
    steps: tuple[TrajectoryStep, ...] = ()
    never: tuple[TrajectoryStep, ...] = ()
    key: Any = None
    of_one_key: bool = False


def entry_of(event: Event) -> Entry:
    """Return an event with its tool calls.

    The releases name the list and its items differently; arguments may be JSON text.
    """
    if event.type != TOOL_REQUEST_EVENT:
        return Entry(event)
    listed = _listed_calls(event)
    return Entry(event, tuple(_call(one) for one in listed) if isinstance(listed, (list, tuple)) else ())


def entries_by_key(evidence: Evidence) -> Mapping[str, list[Entry]] | None:
    """Return the events of each key, None if the log does not say whose they are.

    With one key in the inputs, events without a key are that key's.
    """
    keys = {identity(key) for key in evidence.input_keys}
    only = next(iter(keys)) if len(keys) == 1 else None
    found: dict[str, list[Entry]] = {}
    for event in evidence.events:
        if event.type.startswith(LIFECYCLE_PREFIX):
            continue
        key = only if event.key is None else identity(event.key)
        if key is None and identity(None) not in keys:
            return None
        found.setdefault(identity(None) if key is None else key, []).append(entry_of(event))
    return found


def is_cut(value: Any) -> bool:
    """Return whether the event log cut something from a value."""
    if isinstance(value, Mapping):
        return not _CUT.isdisjoint(value) or any(is_cut(inner) for inner in value.values())
    return isinstance(value, (list, tuple)) and any(is_cut(inner) for inner in value)


def _listed_calls(event: Event) -> Any:
    return event.attributes.get("tool_calls", event.attributes.get("toolCalls"))


def _call(one: Any) -> Call:
    if not isinstance(one, Mapping):
        return Call("", None)
    function = one.get("function", one)
    named = function if isinstance(function, Mapping) else one
    arguments = named.get("arguments")
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except ValueError:
            arguments = None
    name = named.get("name")
    return Call(name if isinstance(name, str) else "", arguments)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _cut(text: str) -> str:
    """Return a text whole or not at all: the redactor would not find a part of a secret."""
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text.partition(' ')[0]} (of {len(text)} characters)"
