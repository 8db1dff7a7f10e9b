"""The dialect of an agent plan, recognised by the keys that are present.

Never by a version: a plan file does not name the release that wrote it.
Must never import: pydantic, pytest, anything that starts something.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from typing import Any

LISTENED = "listen_event_types"
CONDITIONS = "trigger_conditions"


class Dialect(str, enum.Enum):
    """The dialects of plans, named after the first release that writes them.

    ``EVENT_TYPES``: actions listen to event types, and ``actions_by_event`` has their order.
    ``CONDITIONS``: actions have ``trigger_conditions``, which are event types or CEL expressions.
    """

    EVENT_TYPES = "0.1"
    CONDITIONS = "0.4"


def dialect_of(plan: Mapping[str, Any]) -> Dialect | None:
    """Return the dialect of a plan's JSON object, None if no key says which one it is.

    A plan without actions of its own still has upstream's built-in ones. One key of 0.4 is enough:
    a reader of the older dialect would not understand it.
    """
    actions = list(actions_of(plan))
    if any(CONDITIONS in action for _, action in actions):
        return Dialect.CONDITIONS
    if "actions_by_event" in plan or any(LISTENED in action for _, action in actions):
        return Dialect.EVENT_TYPES
    return None


def actions_of(plan: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and JSON object of each action in order; others are skipped."""
    actions = plan.get("actions")
    for name, action in actions.items() if isinstance(actions, Mapping) else ():
        if isinstance(action, Mapping):
            yield str(name), action


def resources_of(plan: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield type, name and JSON object of each resource in order; others are skipped."""
    providers = plan.get("resource_providers")
    for kind, named in providers.items() if isinstance(providers, Mapping) else ():
        for name, provider in named.items() if isinstance(named, Mapping) else ():
            if isinstance(provider, Mapping):
                yield str(kind), str(name), provider
