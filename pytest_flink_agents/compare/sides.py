"""Two runs of the same inputs, key by key, and the records in which they differ. Pure."""

from __future__ import annotations

import copy
import difflib
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pytest_flink_agents.compare.input_runs import Aspect, Difference, as_json, run_differences
from pytest_flink_agents.evidence.replays import InputRun
from pytest_flink_agents.scenario.scrub import ScrubPath, scrubbed
from pytest_flink_agents.vocabulary import counted

NOTHING = "-"
# The time to align two lists grows with the square of their lengths.
_ALIGNED = 400
# What one record of an aspect is called.
_ONE = {
    Aspect.TOOL_CALLS: "tool call",
    Aspect.EFFECTS: "effect",
    Aspect.OUTPUTS: "output",
    Aspect.EVENTS: "event",
}


@dataclass(frozen=True, slots=True)
class AllowRule:
    """A place that may differ, as the scenario writes it, and its path into :func:`form_of`."""

    text: str
    path: ScrubPath

    @property
    def of_memory(self) -> bool:
        """True for a place in the memory."""
        return self.path.steps[0] == "memory"


@dataclass(frozen=True, slots=True)
class Row:
    """One place that differs: its key, aspect, record and place in that, and its JSON value in both runs.

    A record that only one run has is one row without a ``place``; the other side is :data:`NOTHING`.
    """

    key: str
    aspect: str
    record: str
    place: str
    baseline: str
    candidate: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs of the same inputs side by side; ``baseline`` and ``candidate`` name them.

    ``keys`` is the number of keys that were compared, ``differing`` that of keys with a difference that nothing allows;
    ``rows`` are the first of these differences, and ``left_out`` counts the others. ``allowed`` are the rules that allowed
    one. ``remarks`` say which did not, and what could not be compared by its nature; ``doubts`` say why a difference may be
    missing. ``figures`` are pairs of measured numbers by name, which are only shown.
    """

    baseline: str
    candidate: str
    keys: int = 0
    differing: int = 0
    rows: tuple[Row, ...] = ()
    left_out: int = 0
    allowed: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    figures: tuple[tuple[str, str, str], ...] = ()

    @property
    def summary(self) -> str:
        """The result in one line."""
        if self.rows:
            aspects = ", ".join(dict.fromkeys(row.aspect for row in self.rows))
            return f"{self.differing} of {counted(self.keys, 'key')} differ in {aspects}"
        if self.doubts:
            return f"cannot be compared: {self.doubts[0]}"
        same = "no difference but what is allowed" if self.allowed else "identical"
        return f"{same}, {counted(self.keys, 'key')}"

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Comparison:
        """Return the comparison that ``dataclasses.asdict`` described."""
        return cls(
            **{
                **data,
                "rows": tuple(Row(**row) for row in data["rows"]),
                **{word: tuple(data[word]) for word in ("allowed", "remarks", "doubts")},
                "figures": tuple((name, before, after) for name, before, after in data["figures"]),
            }
        )


@dataclass(frozen=True, slots=True)
class KeyDifferences:
    """The rows of all keys, and the rules that allowed one of them."""

    rows: tuple[Row, ...] = ()
    used: frozenset[str] = field(default_factory=frozenset)


def compare_keys(
    baseline: Mapping[str, InputRun], candidate: Mapping[str, InputRun], rules: Sequence[AllowRule]
) -> KeyDifferences:
    """Compare two runs key by key, without the places that rules allow.

    A rule is used if it changes what differs.
    """
    rows: list[Row] = []
    unproven = list(rules)
    for key in dict.fromkeys((*baseline, *candidate)):
        before, after = baseline.get(key, InputRun()), candidate.get(key, InputRun())
        found = _rows(key, before, after, rules)
        rows += found
        # One key is enough, and each takes several comparisons.
        unproven = [rule for rule in unproven if not _changes(rule, rules, key, before, after, found)]
    return KeyDifferences(tuple(rows), frozenset(rule.text for rule in rules if rule not in unproven))


def _changes(
    rule: AllowRule, rules: Sequence[AllowRule], key: str, before: InputRun, after: InputRun, found: Sequence[Row]
) -> bool:
    """Return whether a rule changes what differs, alone or beside all others; ``found`` differs with all of them."""
    if before == after:
        return False
    others = [each for each in rules if each is not rule]
    return _rows(key, before, after, ()) != _rows(key, before, after, [rule]) or found != _rows(
        key, before, after, others
    )


def form_of(run: InputRun) -> dict[str, Any]:
    """Return a run as data, into which the paths of rules lead."""
    return {
        "tool_calls": list(run.tool_calls),
        "effects": list(run.effects),
        "outputs": [{"value": value} for value in run.outputs],
        "memory": _nested(run.memory),
        "events": _events(run.events),
    }


def _without(run: InputRun, rules: Sequence[AllowRule]) -> InputRun:
    """Return a run without the places that rules allow."""
    form = scrubbed(form_of(run), [rule.path for rule in rules])
    return replace(
        run,
        tool_calls=tuple(form["tool_calls"]),
        effects=tuple(form["effects"]),
        outputs=tuple(output.get("value") for output in form["outputs"]),
        memory=form["memory"],
        events=tuple((event.get("type", ""), event.get("attributes")) for event in form["events"]),
    )


def _rows(key: str, before: InputRun, after: InputRun, rules: Sequence[AllowRule]) -> list[Row]:
    found = run_differences(_without(before, rules), _without(after, rules))
    rows: list[Row] = []
    for difference in found:
        # A difference whose place is not found is one all the same.
        whole = Row(key, difference.aspect.value, "", "", shown(difference.expected), shown(difference.seen))
        rows += list(_rows_of(key, difference, before, after)) or [whole]
    return rows


def _rows_of(key: str, difference: Difference, baseline: InputRun, candidate: InputRun) -> Iterator[Row]:
    """Yield the places of a difference; a record of one run only is shown whole, with what is allowed in it."""
    aspect = difference.aspect
    if aspect not in _ONE:
        for values in _places(difference.expected, difference.seen, ""):
            yield Row(key, aspect.value, "", *values)
        return
    before_all, after_all = difference.expected, difference.seen
    if aspect is Aspect.EVENTS:
        before_all, after_all = map(_events, (before_all, after_all))
    for number, before, after in _aligned(before_all, after_all):
        record = f"{_ONE[aspect]} {number}{_label(aspect, (before or after)[0])}"
        if before and after:
            for values in _places(before[0], after[0], ""):
                yield Row(key, aspect.value, record, *values)
        else:
            whole = shown(_records(baseline if before else candidate, aspect)[number - 1])
            yield Row(key, aspect.value, record, "", whole if before else NOTHING, whole if after else NOTHING)


def _records(run: InputRun, aspect: Aspect) -> Sequence[Any]:
    lists = {Aspect.TOOL_CALLS: run.tool_calls, Aspect.EFFECTS: run.effects, Aspect.OUTPUTS: run.outputs}
    return lists[aspect] if aspect in lists else _events(run.events)


def _events(pairs: Sequence[Any]) -> list[dict[str, Any]]:
    return [{"type": kind, "attributes": attributes} for kind, attributes in pairs]


def _label(aspect: Aspect, record: Any) -> str:
    """Return what distinguishes a record from others at first sight."""
    if aspect is Aspect.TOOL_CALLS:
        return f" {record.get('name')}"
    if aspect is Aspect.EFFECTS:
        return f" {record.get('method')} {record.get('path')} of {record.get('endpoint')}"
    return f" {record['type']}" if aspect is Aspect.EVENTS else ""


def _aligned(before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[int, Sequence[Any], Sequence[Any]]]:
    """Yield the number, from 1, of each record that differs, with that of both sides; one that is missing is empty."""
    one, other = [as_json(each) for each in before], [as_json(each) for each in after]
    same = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    blocks = [(same, len(one), same, len(other))]
    if max(len(one), len(other)) - same <= _ALIGNED:
        codes = difflib.SequenceMatcher(None, one[same:], other[same:], autojunk=False).get_opcodes()
        blocks = [(same + a, same + b, same + c, same + d) for tag, a, b, c, d in codes if tag != "equal"]
    for first, end, other_first, other_end in blocks:
        for step in range(max(end - first, other_end - other_first)):
            index, other_index = min(first + step, end), min(other_first + step, other_end)
            if one[index:end][:1] != other[other_index:other_end][:1]:
                number = (index if index < end else other_index) + 1
                yield number, before[index:end][:1], after[other_index:other_end][:1]


def _places(before: Any, after: Any, at: str) -> Iterator[tuple[str, str, str]]:
    """Yield each place at which two JSON values differ, with the JSON of both sides."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            inner = f"{at}.{name}" if at else str(name)
            if name in before and name in after:
                yield from _places(before[name], after[name], inner)
            else:
                one, other = (shown(side[name]) if name in side else NOTHING for side in (before, after))
                yield inner, one, other
    elif isinstance(before, (list, tuple)) and isinstance(after, (list, tuple)) and len(before) == len(after):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _places(one, other, f"{at}[{index}]")
    elif as_json(before) != as_json(after):
        yield at, shown(before), shown(after)


def shown(value: Any) -> str:
    """Return a value as JSON for people."""
    return json.dumps(value, ensure_ascii=False, default=str)


def _nested(memory: Mapping[str, Any]) -> dict[str, Any]:
    """Return values by dotted path as a tree; a path through a value that is no object stays one name."""
    tree: dict[str, Any] = {}
    # A path may lead into a value, which is evidence.
    for path, value in copy.deepcopy(dict(memory)).items():
        *steps, last = path.split(".")
        node: Any = tree
        for step in steps:
            node = node.setdefault(step, {}) if isinstance(node, dict) else None
        if isinstance(node, dict) and last not in node:
            node[last] = value
        else:
            tree[path] = value
    return tree
