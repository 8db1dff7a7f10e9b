"""The record of a test session in one process."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_flink_agents.gate import ItemResult, Outcome, Selection, merge_attempts
from pytest_flink_agents.identity import Identity

# Outcomes that a later phase of the same attempt may replace. An error at teardown replaces a pass;
# a failure stays, and no phase makes an attempt better.
_REPLACEABLE = (Outcome.PASSED, Outcome.SKIPPED, Outcome.WAIVED)


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """The state of a session in one process.

    Workers of pytest-xdist send theirs; the controller merges them.

    ``attempts`` has one result for each attempt at an item. ``selected`` has a *not run*
    result for each selected item, by node id, which counts if the item never starts. ``editable`` are the directories of
    editable requirements, in which code may appear.
    """

    attempts: tuple[ItemResult, ...] = ()
    selected: Mapping[str, ItemResult] = field(default_factory=dict)
    selection: Selection = field(default_factory=Selection)
    identity: Identity = field(default_factory=Identity)
    facts: Mapping[str, str] = field(default_factory=dict)
    leaks: tuple[str, ...] = ()
    editable: frozenset[str] = frozenset()

    def with_result(self, result: ItemResult) -> SessionRecord:
        """Return the record with the result of one phase of an attempt."""
        attempts = list(self.attempts)
        for index, known in enumerate(attempts):
            if (known.node_id, known.attempt) == (result.node_id, result.attempt):
                if known.outcome in _REPLACEABLE or known.tolerated:
                    # The attempt ran, whatever happened after it: its figures count.
                    attempts[index] = dataclasses.replace(result, figures=result.figures or known.figures)
                elif known != result:
                    # A later phase failed, too: the checks do not explain the whole attempt any more.
                    error = known.other_error or result.other_error
                    attempts[index] = dataclasses.replace(known, failed_runs=(), other_error=error)
                break
        else:
            attempts.append(result)
        return dataclasses.replace(self, attempts=tuple(attempts))

    def merge(self, other: SessionRecord) -> SessionRecord:
        """Return both records as one.

        Every worker collects the same items, so the selection is that of either.
        """
        merged = self
        for result in other.attempts:
            merged = merged.with_result(result)
        return dataclasses.replace(
            merged,
            selected={**self.selected, **other.selected},
            selection=self.selection.merge(other.selection),
            identity=self.identity.merge(other.identity),
            facts={**self.facts, **other.facts},
            leaks=(*self.leaks, *other.leaks),
            editable=self.editable | other.editable,
        )

    def results(self) -> tuple[ItemResult, ...]:
        """Return one result for each item.

        All attempts become one result; an item that was selected and never started is *not run*.
        """
        attempts: dict[str, list[ItemResult]] = {}
        for result in self.attempts:
            attempts.setdefault(result.node_id, []).append(result)
        ended = [self._described(merge_attempts(each)) for each in attempts.values()]
        return (*ended, *(result for node_id, result in self.selected.items() if node_id not in attempts))

    def _described(self, result: ItemResult) -> ItemResult:
        """Return a result with what the selection knows of its item: of a worker that died only its name is known."""
        item = self.selected.get(result.node_id)
        if result.tier is not None or item is None or item.tier is None:
            return result
        return dataclasses.replace(item, outcome=result.outcome, message=result.message, other_error=result.other_error)

    def as_data(self) -> dict[str, Any]:
        """Return the record as plain data, which pytest-xdist can send."""
        return {
            "attempts": [result.as_data() for result in self.attempts],
            "selected": [result.as_data() for result in self.selected.values()],
            "selection": dataclasses.asdict(self.selection),
            "identity": self.identity.as_data(),
            "facts": dict(self.facts),
            "leaks": list(self.leaks),
            "editable": sorted(self.editable),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> SessionRecord:
        """Return the record that :meth:`as_data` described."""
        selected = [ItemResult.from_data(result) for result in data["selected"]]
        return cls(
            attempts=tuple(map(ItemResult.from_data, data["attempts"])),
            selected={result.node_id: result for result in selected},
            selection=Selection.from_data(data["selection"]),
            identity=Identity(**data["identity"]),
            facts=data["facts"],
            leaks=tuple(data["leaks"]),
            editable=frozenset(data["editable"]),
        )
