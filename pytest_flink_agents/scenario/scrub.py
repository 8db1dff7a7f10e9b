"""The places of outputs that ``scrub`` removes before they are compared.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, path_text

_STEP = re.compile(r"\.(?P<key>[^.\[\]\"'$*\s]+)|\[(?P<index>\d{1,9})\]|\[(?P<each>\*)\]")
_EACH = "*"
_KEYS = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ScrubPath:
    """A place in a value, or a key at every place of it.

    ``steps`` lead from the value to the place: keys, positions, and ``[*]`` for each item of a
    list. Without steps ``key`` is removed wherever it occurs.
    """

    key: str = ""
    steps: tuple[str | int | tuple[str], ...] = ()


def parse_scrub(text: str) -> ScrubPath:
    """Read ``$.event.id``, ``$.items[*].at`` or a bare key; raise ``ValueError`` for anything else."""
    if not text.startswith("$"):
        if not text or re.search(r"[.\[\]\"'*\s]", text):
            raise ValueError("a bare key has no dots, brackets, quotes or spaces; a path begins with $")
        return ScrubPath(key=text)
    steps: list[str | int | tuple[str]] = []
    at = 1
    while at < len(text):
        found = _STEP.match(text, at)
        if not found:
            raise ValueError(f"it cannot be read from {text[at:]!r} on")
        steps.append(found["key"] or ((_EACH,) if found["each"] else int(found["index"])))
        at = found.end()
    if not steps:
        raise ValueError("$ alone would remove the whole value")
    return ScrubPath(steps=tuple(steps))


def scrubbed(value: Any, paths: Sequence[ScrubPath]) -> Any:
    """Return a value without the places of all paths; the value itself stays unchanged."""
    for path in paths:
        value = _without_steps(value, path.steps) if path.steps else _without_key(value, path.key)
    return value


def scrub_mistakes(texts: Any, outputs: Any) -> Iterator[Mistake]:
    """Yield the expected outputs that name what ``scrub`` removes, which never match.

    Both are plain values of the scenario, of any form.
    """
    for text in texts if isinstance(texts, list) else ():
        with suppress(ValueError, TypeError, AttributeError):
            path = parse_scrub(text)
            for place, shown, expected in _expected(outputs):
                if scrubbed(expected, [path]) != expected:
                    message = f"{path_text(place)} names what scrub removes"
                    next_step = "remove it here, or from scrub"
                    yield Mistake("FA209", place, message, f"a value without {text}", describe(shown), next_step)


def _expected(outputs: Any) -> Iterator[tuple[DocumentPath, Any, Any]]:
    """Yield the place of each expected value, the value as written, and the data in it."""
    place: DocumentPath = ("expect", "outputs")
    for index, output in enumerate(outputs if isinstance(outputs, list) else ()):
        if isinstance(output, dict) and "value" in output:
            yield (*place, index, "value"), output["value"], _data(output["value"])
    if isinstance(outputs, dict) and "each" in outputs:
        yield (*place, "each"), outputs["each"], _data(outputs["each"])
    distinct = outputs.get("distinct") if isinstance(outputs, dict) else None
    if isinstance(distinct, str) and _KEYS.fullmatch(distinct):
        value: Any = distinct
        for key in reversed(distinct.split(".")):
            value = {key: value}
        yield (*place, "distinct"), distinct, value


def _data(expected: Any) -> Any:
    """Return what a matcher of a part of a mapping holds, at the places that it has in an output."""
    while isinstance(expected, dict) and len(expected) == 1 and expected.keys() <= {"contains", "partial"}:
        (expected,) = expected.values()
    return expected


def _without_key(value: Any, key: str) -> Any:
    if isinstance(value, dict):
        return {name: _without_key(item, key) for name, item in value.items() if name != key}
    if isinstance(value, (list, tuple)):
        return [_without_key(item, key) for item in value]
    return value


def _without_steps(value: Any, steps: Sequence[str | int | tuple[str]]) -> Any:
    step, *rest = steps
    if isinstance(step, str):
        if not isinstance(value, dict) or step not in value:
            return value
        if rest:
            return {**value, step: _without_steps(value[step], rest)}
        return {name: item for name, item in value.items() if name != step}
    if not isinstance(value, (list, tuple)):
        return value
    chosen = range(len(value)) if isinstance(step, tuple) else (step,)
    if rest:
        return [_without_steps(item, rest) if index in chosen else item for index, item in enumerate(value)]
    return [item for index, item in enumerate(value) if index not in chosen]
