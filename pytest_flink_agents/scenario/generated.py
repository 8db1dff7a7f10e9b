"""Generated inputs: each is made from a template when it is read.

An input depends on its number and the seed only, so every run and every reader gets the same
inputs, in any order, and none of them is stored.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, overload

from pytest_flink_agents.scenario.placeholders import TEMPLATE_NAMES, substitute

RANDOM_BELOW = 1_000_000
_HALF = 1 << 64
# Strings that are nothing but a placeholder, and its name.
_WHOLE = {f"${{{name}}}": name for name in TEMPLATE_NAMES}

Record = dict[str, Any]
# Of one input: the values of the placeholders of a template.
_Values = Mapping[str, Any]
_Template = Callable[[_Values], Any]


class GeneratedRecords(Sequence[Record]):
    """The inputs of one ``generate``.

    ``first`` is the number of the first one in the scenario. Keys take turns, or are drawn if a
    ``seed`` is given.
    """

    def __init__(self, count: int, keys: int, value: Any, *, seed: int | None = None, first: int = 0) -> None:
        self._count = count
        self._keys = tuple(f"key-{number}" for number in range(min(keys, count)))
        self._value = _template(value)
        self._draws = seed is not None or "${input.random}" in json.dumps(value)
        self._seed = seed
        self._first = first

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        if isinstance(index, slice):
            return [self._record(place) for place in range(*index.indices(self._count))]
        return self._record(range(self._count)[index])

    def _record(self, place: int) -> Record:
        number = self._first + place
        draw, random = self._drawn(number) if self._draws else (0, 0)
        key = self._keys[(place if self._seed is None else draw) % len(self._keys)]
        values = {"input.number": number, "input.key": key, "input.random": random}
        return {"key": key, "value": self._value(values)}

    def _drawn(self, number: int) -> tuple[int, int]:
        """Return two independent draws for an input.

        A hash of seed and number instead of a generator, whose state would depend on the inputs
        before.
        """
        digest = hashlib.blake2b(f"{self._seed or 0}:{number}".encode(), digest_size=16).digest()
        key, random = divmod(int.from_bytes(digest, "big"), _HALF)
        return key, random % RANDOM_BELOW


def _template(value: Any) -> _Template:
    """Return a function that fills in a template.

    A string that is nothing but a placeholder becomes the placeholder's value with its type.
    """
    if isinstance(value, str) and "${" in value:
        name = _WHOLE.get(value)
        if name is not None:
            return lambda values: values[name]
        return lambda values: _filled(value, values)
    if isinstance(value, dict) and value:
        fields = {key: _template(item) for key, item in value.items()}
        return lambda values: {_filled(key, values): item(values) for key, item in fields.items()}
    if isinstance(value, list) and value:
        items = [_template(item) for item in value]
        return lambda values: [item(values) for item in items]
    return lambda values: value


def _filled(text: str, values: _Values) -> str:
    if "${" not in text:
        return text
    filled: str = substitute(text, {name: str(value) for name, value in values.items()})
    return filled
