"""The triggers of an action in a plan of flink-agents 0.4: event types, and conditions in CEL.

Source: ``TriggerCondition`` of its Java plan. Imports the standard library only, because the harness reads plans, too.
"""

from __future__ import annotations

import re

_EVENT_TYPE = re.compile(
    r"(?P<bare>[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)*)|(['\"])(?P<quoted>[^\s'\"\\\x00-\x1f\x7f]+)\2"
)
# Words that look like event types and are conditions.
_LITERALS = frozenset(("true", "false", "null"))
_CONSTANTS = "EventType."


def event_type_of(trigger: str) -> str | None:
    """Return the event type that a trigger names, None for a condition."""
    match = _EVENT_TYPE.fullmatch(trigger.strip())
    if match is None:
        return None
    bare: str | None = match["bare"]
    if bare is None:
        return match["quoted"]
    return None if bare in _LITERALS or bare.startswith(_CONSTANTS) else bare
