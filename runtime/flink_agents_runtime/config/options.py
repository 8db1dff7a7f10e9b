"""Conversion of options to their types: ``"false"`` is False, ``retry`` equals ``RETRY``.

Upstream converts when an option is read: a non-empty str is then True, and the case of a word
matters. Imports the standard library only, because the harness checks a scenario's options with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from flink_agents_runtime.config.catalogue import Kind, option_for


class OptionError(ValueError):
    """An invalid option. ``where`` is its place as ``file:line``, or empty."""

    def __init__(self, key: str, seen: Any, expected: str, nearest: str = "", where: str = "") -> None:
        super().__init__(f"{where}: " * bool(where) + f"the option {key} cannot be {seen!r}: expected {expected}")
        self.key = key
        self.seen = seen
        self.expected = expected
        self.nearest = nearest
        self.where = where


def typed(key: str, value: Any) -> Any:
    """Return the value of one option as its type.

    An enumeration becomes upstream's word. An unknown key keeps its value, because an agent may read
    any. Raises :class:`OptionError` for an invalid value.
    """
    option = option_for(key)
    if option is None or value is None:
        return value
    if option.kind is Kind.ENUM:
        return _word(key, value, option.words)
    if option.kind is Kind.BOOL:
        return truth(key, value)
    if option.kind is Kind.INT:
        return integer(key, value, option.minimum)
    if option.kind is Kind.LIST:
        return _strings(key, value)
    if isinstance(value, (Mapping, list)):
        raise OptionError(key, value, "a string")
    return str(value)


def truth(key: str, value: Any) -> bool:
    """Return a bool from a bool or a word.

    Raises :class:`OptionError` for any other value.
    """
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise OptionError(key, value, str(Kind.BOOL))
    return word == "true"


def integer(key: str, value: Any, minimum: int) -> int:
    """Return an int from an int or its digits.

    Raises :class:`OptionError` for any other value, and for one below the minimum.
    """
    expected = f"an integer of at least {minimum}"
    if isinstance(value, bool):
        raise OptionError(key, value, expected)
    try:
        number = value if isinstance(value, int) else int(str(value).strip())
    except ValueError:
        raise OptionError(key, value, expected) from None
    if number < minimum:
        raise OptionError(key, value, expected)
    return number


def flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys and values of a nested mapping."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _strings(key: str, value: Any) -> list[str]:
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return list(value)
    raise OptionError(key, value, "a list of strings")


def _word(key: str, value: Any, words: tuple[str, ...]) -> str:
    seen = str(value.value if isinstance(value, Enum) else value).strip()
    for word in words:
        if seen.lower() == word.lower():
            return word
    near = difflib.get_close_matches(seen.lower(), [word.lower() for word in words], n=1)
    raise OptionError(key, seen, "one of " + ", ".join(words), near[0] if near else "")
