"""Options of flink-agents, made what they mean: ``"false"`` is false, ``retry`` and ``RETRY`` are one strategy.

Upstream converts when an option is read, and there a non-empty text is true and the case of a word matters. Imports
the standard library only: the harness checks a scenario's options with it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any

from flink_agents_runtime.config.catalogue import LATER, Option, option_for


class OptionError(ValueError):
    """An option that cannot be used as it is; ``key``, ``seen``, ``expected``, ``nearest`` say which and why.

    ``where`` is the place it came from, as ``file:line``, where that is known.
    """

    def __init__(self, key: str, seen: Any, expected: str, nearest: str = "", where: str = "") -> None:
        super().__init__(f"{where}: " * bool(where) + f"the option {key} cannot be {seen!r}: expected {expected}")
        self.key = key
        self.seen = seen
        self.expected = expected
        self.nearest = nearest
        self.where = where


def typed_options(config: Mapping[str, Any]) -> dict[str, Any]:
    """Flat options by dotted key, the known ones converted to their type (enumerations to upstream's word).

    Nested mappings are flattened; unknown keys stay as they are, since an agent may read any. Raises
    :class:`OptionError` for a value that does not fit.
    """
    return {key: typed(key, value) for key, value in flat(config)}


def typed(key: str, value: Any) -> Any:
    """The value of one option, converted to its type. Raises :class:`OptionError` for a value that does not fit."""
    option = option_for(key)
    if option is None or value is None:
        return value
    if option.kind == "word":
        return _word(key, value, option.words)
    if option.kind == "true or false":
        return truth(key, value)
    if option.kind == "whole number":
        return _number(option, value)
    if option.kind == "list of texts":
        return _texts(key, value)
    if isinstance(value, (Mapping, list)):
        raise OptionError(key, value, "a text")
    return str(value)


def truth(key: str, value: Any) -> bool:
    """True or false, as a value or as a word. Raises :class:`OptionError` for anything else."""
    word = str(value).strip().lower()
    if word not in ("true", "false"):
        raise OptionError(key, value, "true or false")
    return word == "true"


def refuse_unsupported(options: Mapping[str, Any]) -> None:
    """Raise :class:`OptionError` for an option that the bundled engine would have to pass over."""
    for key, value in options.items():
        option = option_for(key)
        if option is not None and option.refused and value is not None:
            raise OptionError(key, value, f"nothing: {option.refused}")
        if key in LATER and value is not None:
            raise OptionError(key, value, "nothing: the option is one of flink-agents 0.4, and this is 0.3")


def flat(config: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted keys and their values of a nested mapping."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _number(option: Option, value: Any) -> int:
    expected = f"a whole number of at least {option.least}"
    if isinstance(value, bool):
        raise OptionError(option.key, value, expected)
    try:
        number = value if isinstance(value, int) else int(str(value).strip())
    except ValueError:
        raise OptionError(option.key, value, expected) from None
    if number < option.least:
        raise OptionError(option.key, value, expected)
    return number


def _texts(key: str, value: Any) -> list[str]:
    if isinstance(value, (list, tuple)) and all(isinstance(each, str) for each in value):
        return list(value)
    raise OptionError(key, value, "a list of texts")


def _word(key: str, value: Any, words: tuple[str, ...]) -> str:
    seen = str(value.value if isinstance(value, Enum) else value).strip()
    for word in words:
        if seen.lower() == word.lower():
            return word
    near = difflib.get_close_matches(seen.lower(), [word.lower() for word in words], n=1)
    raise OptionError(key, seen, "one of " + ", ".join(words), near[0] if near else "")
