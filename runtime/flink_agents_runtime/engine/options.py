"""Options of flink-agents, made what they mean: ``"false"`` is false, ``retry`` and ``RETRY`` are one strategy.

Upstream converts when an option is read, and there a non-empty text is true and the case of a word matters.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from flink_agents.api.configuration import ConfigOption
from flink_agents.api.core_options import AgentConfigOptions, AgentExecutionOptions, EventLogLevel
from flink_agents.api.memory.long_term_memory import LongTermMemoryOptions


class OptionError(ValueError):
    """An option whose value does not fit its type; ``key``, ``seen``, ``expected``, ``nearest`` say which and why."""

    def __init__(self, key: str, seen: Any, expected: str, nearest: str = "") -> None:
        super().__init__(f"the option {key} cannot be {seen!r}: expected {expected}")
        self.key = key
        self.seen = seen
        self.expected = expected
        self.nearest = nearest


def typed_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Flat options by dotted key, the known ones converted to their type (enumerations to upstream's word).

    Nested mappings are flattened; unknown keys stay as they are, since an agent may read any. Raises
    :class:`OptionError` for a value that does not fit.
    """
    types = _known_types()
    typed = {}
    for key, value in _flat(config, ""):
        level_of_type = key.startswith("event-log.type.") and key.endswith(".level")
        expected = EventLogLevel if level_of_type else types.get(key)
        typed[key] = value if expected is None or value is None else _converted(key, value, expected)
    return typed


def _known_types() -> dict[str, type]:
    return {
        option.get_key(): option.get_type()
        for holder in (AgentConfigOptions, AgentExecutionOptions, LongTermMemoryOptions.Mem0)
        for option in vars(holder).values()
        if isinstance(option, ConfigOption)
    }


def _flat(config: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _converted(key: str, value: Any, expected: type) -> Any:
    if issubclass(expected, Enum):
        return _word(key, value, expected)
    if expected is bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word in ("true", "false"):
            return word == "true"
        raise OptionError(key, value, "true or false")
    if expected is int:
        try:
            return value if isinstance(value, int) and not isinstance(value, bool) else int(str(value))
        except ValueError:
            raise OptionError(key, value, "a whole number") from None
    return value


def _word(key: str, value: Any, expected: type[Enum]) -> Any:
    seen = str(value.value if isinstance(value, Enum) else value)
    for member in expected:
        if seen.lower() in (str(member.value).lower(), member.name.lower()):
            return member.value
    words = [str(member.value) for member in expected]
    near = difflib.get_close_matches(seen.lower(), [word.lower() for word in words], n=1)
    raise OptionError(key, seen, "one of " + ", ".join(words), near[0] if near else "")
