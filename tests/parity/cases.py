"""The parity cases as data, and the comparison of a run with its case.

Imports neither an engine nor flink_agents.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

import yaml

SECTIONS = ("events", "actions", "memory", "outputs")
# Key as JSON -> section -> observations in order.
History = dict[str, dict[str, list[Any]]]

_HERE = Path(__file__).parent
_ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Failure:
    """The expected failure of a case."""

    action: str
    key: Any
    says: str


@dataclass(frozen=True, slots=True)
class Case:
    """A rule with its agent, inputs and expected history."""

    name: str
    agent: str
    inputs: tuple[tuple[Any, Mapping[str, Any]], ...]
    expected: Mapping[str, Mapping[str, Sequence[Any]]]
    config: Mapping[str, Any] = field(default_factory=dict)
    fails: Failure | None = None
    gated: bool = False

    @property
    def reference(self) -> str:
        """Return the agent's name in a scenario."""
        return f"tests.parity.{self.agent}"

    @property
    def reference_of_0_1(self) -> str:
        """Return the name of the same agent for flink-agents 0.1."""
        return f"tests.parity.agents_of_0_1:{self.agent.partition(':')[2]}"

    def options(self, journal: Path) -> dict[str, Any]:
        """Return the agent's options, with enough threads unless the case sets their number."""
        return {"num-async-threads": 4, **self.config, "parity": {"journal": str(journal)}}

    def records(self) -> list[dict[str, Any]]:
        """Return the inputs for a host; each value has its key as a field."""
        return [{"key": key, "value": {"key": key, **value}} for key, value in self.inputs]


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """A case that does not apply to a release of flink-agents, with the reason."""

    flink_agents: str
    case: str
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One run of a case: events (type, attributes), outputs (key, value), fields of the failure."""

    events: Sequence[tuple[str, Mapping[str, Any]]]
    outputs: Sequence[tuple[Any, Any]]
    failure: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """A case that an engine is known to fail, with its issue.

    With ``certain`` unset the difference depends on timing.
    """

    engine: str
    flink_agents: str
    case: str
    issue: str
    why: str
    certain: bool = True


def load_cases() -> tuple[Case, ...]:
    """Return all cases in the order of the file."""
    return tuple(_case(raw) for raw in yaml.safe_load((_HERE / "cases.yaml").read_text(encoding="utf-8")))


def load_known_differences() -> tuple[KnownDifference, ...]:
    """Return all known differences."""
    text = (_HERE / "known_differences.yaml").read_text(encoding="utf-8")
    return tuple(KnownDifference(**raw) for raw in yaml.safe_load(text))


def load_not_applicable() -> tuple[NotApplicable, ...]:
    """Return the cases that do not apply to some release."""
    text = (_HERE / "not_applicable.yaml").read_text(encoding="utf-8")
    return tuple(NotApplicable(**raw) for raw in yaml.safe_load(text))


def _case(raw: dict[str, Any]) -> Case:
    expected = {json.dumps(key): sections for key, sections in raw["expected"].items()}
    wrong = {name for sections in expected.values() for name in sections} - set(SECTIONS)
    assert not wrong, f"{raw['case']}: no sections {wrong}"
    return Case(
        name=raw["case"],
        agent=raw["agent"],
        inputs=tuple((key, value) for key, value in raw["inputs"]),
        expected=expected,
        config=raw.get("config", {}),
        fails=Failure(**raw["fails"]) if "fails" in raw else None,
        gated=raw.get("gated", False),
    )


def problems(case: Case, seen: Seen, journal: Path) -> list[str]:
    """Return the differences from the case as text, empty if there are none."""
    told = _failure_problems(case.fails, seen.failure)
    expected, history = _expected_history(case), _history(case, seen, journal)
    if case.fails is not None:
        for sections in (*expected.values(), *history.values()):
            sections["outputs"] = []
    for key, sections in expected.items():
        for section, wanted in sections.items():
            if wanted != history[key][section]:
                told.append(f"key {key}, {section}\n{side_by_side(wanted, history[key][section])}")
    return told


def judged(found: Sequence[str], known: KnownDifference | None) -> str:
    """Return the complaints about one run; a missing known difference is one."""
    if known is None:
        return "\n".join(found)
    if found or not known.certain:
        return ""
    return f"issue {known.issue} ({known.why}) is gone: take it out of known_differences.yaml"


def side_by_side(wanted: Sequence[Any], seen: Sequence[Any]) -> str:
    """Return two sequences as columns, with a mark between elements that differ."""
    pairs = [
        (_ABSENT if left is None else left, _ABSENT if right is None else right)
        for left, right in zip_longest(map(json.dumps, wanted), map(json.dumps, seen))
    ]
    width = max(len(left) for left, _ in [*pairs, ("expected", "")])
    lines = [f"  {left:{width}}  {' ' if left == right else '|'}  {right}" for left, right in pairs]
    return "\n".join([f"  {'expected':{width}}     seen", *lines])


def _failure_problems(wanted: Failure | None, seen: Mapping[str, Any] | None) -> list[str]:
    if wanted is None:
        return [] if seen is None else [f"it failed: {dict(seen)}"]
    if seen is None:
        return [f"it did not fail; expected {wanted}"]
    fits = seen["action"] == wanted.action and seen["key"] == wanted.key and wanted.says in seen["message"]
    return [] if fits else [f"it failed otherwise\n  expected {wanted}\n  seen     {dict(seen)}"]


def _empty(keys: Iterable[str]) -> History:
    return {key: {section: [] for section in SECTIONS} for key in keys}


def _expected_history(case: Case) -> History:
    history = _empty(case.expected)
    for key, sections in case.expected.items():
        history[key].update({section: list(wanted) for section, wanted in sections.items()})
    return history


def _history(case: Case, seen: Seen, journal: Path) -> History:
    history = _empty(case.expected)
    for event_type, attributes in seen.events:
        history[_key_of(case, attributes)]["events"].append(event_type)
    for key, value in seen.outputs:
        history[json.dumps(key)]["outputs"].append(value)
    lines = journal.read_text(encoding="utf-8").splitlines() if journal.exists() else []
    for line in map(json.loads, lines):
        section = "memory" if "memory" in line else "actions"
        # Calls may write under other keys, for each other.
        if json.dumps(line["key"]) in history:
            history[json.dumps(line["key"])][section].append(line[section.removesuffix("s")])
    return history


def _key_of(case: Case, attributes: Mapping[str, Any]) -> str:
    """Return the key of an event; an event without one belongs to the only key."""
    for holder in (attributes, attributes.get("input"), attributes.get("output")):
        if isinstance(holder, Mapping) and "key" in holder:
            return json.dumps(holder["key"])
    (key,) = case.expected
    return key
