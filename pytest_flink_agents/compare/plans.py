"""Two plans of an agent: what the second one lost, gained or changed, and what becomes unreachable by it.

A savepoint and the records of an action state store name actions. What they hold of an action that the
next version does not have under that name is never used again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.plan.canonical import canonical_plan
from pytest_flink_agents.plan.dialect import CONDITIONS, actions_of, resources_of
from pytest_flink_agents.vocabulary import Word

_TOOL = "tool"


class Change(Word):
    """The kind of a difference."""

    REMOVED = "removed"
    ADDED = "added"
    EVENTS = "other events"
    CODE = "other code"
    SETTINGS = "other settings"


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One difference between a baseline's plan and a candidate's.

    ``part`` is ``action``, or the type of a resource such as ``tool``. ``was`` and ``now`` show what differs.
    ``unreachable`` names what the candidate cannot use any more, empty if there is nothing.
    """

    change: Change
    part: str
    name: str
    was: str = ""
    now: str = ""
    unreachable: str = ""

    @property
    def text(self) -> str:
        """The difference on one line."""
        both = f": {self.was} before, {self.now} now" if self.was and self.now else ""
        line = f"{self.part} {self.name}: {self.change}{both or (f', {self.now}' if self.now else '')}"
        return f"{line}; unreachable: {self.unreachable}" if self.unreachable else line


def compare_plans(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> tuple[PlanChange, ...]:
    """Return the differences of two plans, which are JSON data; those that make something unreachable come first."""
    before, after = canonical_plan(baseline), canonical_plan(candidate)
    found = [*_action_changes(dict(actions_of(before)), dict(actions_of(after))), *_resource_changes(before, after)]
    return tuple(sorted(found, key=lambda one: not one.unreachable))


def _action_changes(
    before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]
) -> Iterator[PlanChange]:
    for name, action in before.items():
        if name not in after:
            yield _removed_action(name, action, {other: after[other] for other in after if other not in before})
            continue
        was, now = _events(action), _events(after[name])
        if was != now:
            yield PlanChange(Change.EVENTS, "action", name, ", ".join(was), ", ".join(now))
        code, new_code = _code(action), _code(after[name])
        if code != new_code:
            yield PlanChange(Change.CODE, "action", name, code, new_code)
    for name, action in after.items():
        if name not in before:
            yield PlanChange(Change.ADDED, "action", name, now=f"listens to {', '.join(_events(action))}")


def _removed_action(name: str, action: Mapping[str, Any], added: Mapping[str, Mapping[str, Any]]) -> PlanChange:
    """Return the change, with the new action that listens to the same events: it may be the same one renamed."""
    same = [other for other, new in added.items() if _events(new) == _events(action)]
    hint = f"or renamed to {' or '.join(same)}, which listens to the same events" if same else ""
    unreachable = f"unfinished calls of {name} in the savepoint, and its results in the action state store"
    return PlanChange(Change.REMOVED, "action", name, now=hint, unreachable=unreachable)


def _resource_changes(baseline: Mapping[str, Any], candidate: Mapping[str, Any]) -> Iterator[PlanChange]:
    before, after = (
        {(kind, name): resource for kind, name, resource in resources_of(plan)} for plan in (baseline, candidate)
    )
    for (kind, name), resource in before.items():
        if (kind, name) not in after:
            what = f"unfinished calls of {name} in the savepoint" if kind == _TOOL else ""
            yield PlanChange(Change.REMOVED, kind, name, unreachable=what)
        elif resource != after[kind, name]:
            yield PlanChange(Change.SETTINGS, kind, name)
    for kind, name in after:
        if (kind, name) not in before:
            yield PlanChange(Change.ADDED, kind, name)


def _events(action: Mapping[str, Any]) -> Sequence[str]:
    """Return the event types or conditions that trigger an action."""
    triggers = action.get(CONDITIONS)
    return [str(each) for each in triggers] if isinstance(triggers, list) else []


def _code(action: Mapping[str, Any]) -> str:
    """Return the name of an action's function; its module differs between two versions side by side."""
    function = action.get("exec")
    name = str(function.get("qualname") or function.get("method_name") or "") if isinstance(function, Mapping) else ""
    return name.rpartition(".")[2]
