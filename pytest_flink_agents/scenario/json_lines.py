"""JSON-lines files with limits on time and memory.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.places import open_regular
from pytest_flink_agents.scenario.error import ScenarioError, shorten

DATA_BYTES = 64 * 1024 * 1024
LINE_BYTES = 1024 * 1024
DEPTH = 32
NUMBER_CHARACTERS = 100
_MIB = 1024 * 1024


class DataBudget:
    """The bytes that all data files of one scenario may have together."""

    def __init__(self, size: int = DATA_BYTES) -> None:
        self.size = self.left = size


def numbered_lines(file: Path, name: str, budget: DataBudget) -> Iterator[tuple[int, str]]:
    """Yield the non-blank lines of a file with their numbers, as :func:`decoded_lines` reads them."""
    for number, line in decoded_lines(file, name, budget):
        if stripped := line.strip():
            yield number, stripped


def decoded_lines(file: Path, name: str, budget: DataBudget) -> Iterator[tuple[int, str]]:
    """Yield the lines of a file, with their ends and their numbers.

    ``name`` is the file's name in messages. Raises :class:`ScenarioError` for a file that is not a
    regular one, a size limit, or bytes that are not UTF-8.
    """
    try:
        stream = open_regular(file)
    except OSError as error:
        problem = Problem("FA206", "the data file cannot be read", name, "a regular file", str(error.strerror))
        raise ScenarioError(problem) from None
    with stream:
        number = 0
        while raw := stream.readline(min(LINE_BYTES, budget.left) + 1):
            number += 1
            _check_size(raw, f"{name}:{number}", budget)
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                seen = f"the byte 0x{raw[error.start]:02x}"
                raise ScenarioError(_bad_line("this line is not UTF-8 text", name, number, "UTF-8", seen)) from None
            yield number, line


def _check_size(raw: bytes, where: str, budget: DataBudget) -> None:
    if len(raw) > budget.left:
        limit = f"at most {budget.size / _MIB:g} MiB in all data files of a scenario"
        problem = Problem("FA211", "too much data", where, limit, "more", "set `limit`, or use a smaller file")
        raise ScenarioError(problem)
    if len(raw) > LINE_BYTES:
        limit = f"at most {LINE_BYTES / _MIB:g} MiB in a line"
        raise ScenarioError(Problem("FA211", "this line is too long", where, limit, "more", "split the record"))
    budget.left -= len(raw)


def parse_line(line: str) -> Any:
    """Return the JSON value of a line.

    Raises ``ValueError`` with the reason for invalid JSON, and for what JSON parsers read
    differently or slowly: duplicate keys, NaN and infinite numbers, very long integers, deep
    nesting.
    """
    try:
        value = json.loads(
            line,
            object_pairs_hook=_without_duplicates,
            parse_constant=_refuse_constant,
            parse_int=_bounded_int,
            parse_float=_finite_float,
        )
    except RecursionError:
        raise ValueError(f"it nests deeper than {DEPTH} levels") from None
    # Counting brackets is cheap, and a line with few of them cannot be deep.
    if line.count("[") + line.count("{") > DEPTH and _depth(value) > DEPTH:
        raise ValueError(f"it nests deeper than {DEPTH} levels")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for index, name in enumerate(names) if name in names[:index])
        raise ValueError(f'the key "{shorten(twice)}" occurs twice')
    return result


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _bounded_int(text: str) -> int:
    if len(text) > NUMBER_CHARACTERS:
        raise ValueError(f"a number of {len(text)} digits, at most {NUMBER_CHARACTERS} are allowed")
    return int(text)


def _finite_float(text: str) -> float:
    number = float(text) if len(text) <= NUMBER_CHARACTERS else math.inf
    if not math.isfinite(number):
        raise ValueError(f"a number that is too large or too long: {shorten(text)}")
    return number


def _depth(root: Any) -> int:
    deepest = 0
    pending = [(root, 0)]
    while pending:
        value, level = pending.pop()
        if isinstance(value, (dict, list)):
            deepest = max(deepest, level + 1)
            inner = value.values() if isinstance(value, dict) else value
            pending.extend((one, level + 1) for one in inner)
    return deepest


def _bad_line(message: str, name: str, number: int, expected: str, seen: str) -> Problem:
    return Problem("FA212", message, where=f"{name}:{number}:1", expected=expected, seen=seen)
