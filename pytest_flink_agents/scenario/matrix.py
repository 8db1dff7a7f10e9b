"""A document with a ``matrix`` as one document for each combination of its values.

``${matrix.NAME}`` is replaced before anything else is read, so a value may stand for any value of
the language: a number, a class, a part of a text.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
from itertools import islice, product
from typing import TYPE_CHECKING, Any, TypeGuard
from urllib.parse import quote

from pytest_flink_agents.scenario.error import Mistake

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_flink_agents.scenario.document import Document
    from pytest_flink_agents.scenario.error import DocumentPath

COMBINATIONS = 1_000
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# Words of a document that are the same in every combination.
_FIXED = frozenset({"version", "name", "matrix", "include"})
_USE = re.compile(r"\$\$\{|\$\{matrix\.([^{}]*)\}")
# A string that no number, boolean or null of JSON looks like, and that is safe in a node id.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def combinations(document: Document) -> tuple[list[tuple[str, Document]], list[Mistake]]:
    """Return the document of each combination with its name, like ``parallelism=4,model=small``.

    The name of a document without a matrix is empty. A matrix of a wrong form is left to the model,
    which reports it.
    """
    matrix = document.value.get("matrix") if isinstance(document.value, dict) else None
    if not is_matrix(matrix):
        return [("", document)], []
    used = set(_names(document.value, ()))
    mistakes = [_unused(name) for name in matrix if name not in used]
    chosen = [dict(zip(matrix, values, strict=True)) for values in islice(product(*matrix.values()), COMBINATIONS)]
    count = math.prod(map(len, matrix.values()))
    if count > COMBINATIONS:
        limit, next_step = f"at most {COMBINATIONS:,} combinations", "list fewer values, or split the scenario"
        mistakes.append(Mistake("FA211", ("matrix",), "the matrix is too large", limit, f"{count:,}", next_step))
        # The first one shows the other mistakes of the document.
        del chosen[1:]
    return [_combination(document, values) for values in chosen], mistakes


def _combination(document: Document, chosen: Mapping[str, Any]) -> tuple[str, Document]:
    filled = {word: value if word in _FIXED else _filled(value, chosen) for word, value in document.value.items()}
    name = ",".join(f"{key}={_quoted(value)}" for key, value in chosen.items())
    return name, dataclasses.replace(document, value=filled)


def is_matrix(matrix: Any) -> TypeGuard[dict[str, list[Any]]]:
    """Return whether a value is a matrix: names with lists of values."""
    if not isinstance(matrix, dict) or not matrix:
        return False
    return all(NAME.fullmatch(name) and isinstance(values, list) and values for name, values in matrix.items())


def _unused(name: str) -> Mistake:
    message = f"no ${{matrix.{name}}} uses matrix.{name}"
    expected = "a value that differs between the combinations"
    next_step = f"write ${{matrix.{name}}} where the value belongs, or remove {name}"
    return Mistake("FA210", ("matrix", name), message, expected, "the same scenario several times", next_step, True)


def _names(value: Any, path: DocumentPath) -> Iterator[str]:
    """Yield the names that the values of a document use."""
    if isinstance(value, str):
        yield from (found[1] for found in _USE.finditer(value) if found[1])
    elif isinstance(value, dict):
        for key, item in value.items():
            if path or key not in _FIXED:
                yield from _names(item, (*path, key))
    elif isinstance(value, list):
        for item in value:
            yield from _names(item, (*path, 0))


def _filled(value: Any, chosen: Mapping[str, Any]) -> Any:
    """Return a value with its placeholders of the matrix replaced.

    A string that is nothing but a placeholder becomes the value with its type.
    """
    if isinstance(value, str):
        whole = _USE.fullmatch(value)
        if whole and whole[1] in chosen:
            return chosen[whole[1]]
        return _USE.sub(lambda found: _text(chosen[found[1]]) if found[1] in chosen else found[0], value)
    if isinstance(value, dict):
        return {key: _filled(item, chosen) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, chosen) for item in value]
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _quoted(value: Any) -> str:
    """Return a value as it stands in a node id.

    It is JSON with every other character as %XX, so that 1 and "1" differ and no character has a
    meaning to pytest or a shell; a simple word has no quotes.
    """
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value not in ("true", "false", "null"):
        return value
    return quote(json.dumps(value, ensure_ascii=False), safe=".-+_")
