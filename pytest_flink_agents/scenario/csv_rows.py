"""CSV files as records, with the limits of JSON-lines files.

The first line names the columns; every cell is a string.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, NoReturn

from jmespath.exceptions import JMESPathError

from flink_testbed.core.problem import Problem, nearest
from pytest_flink_agents.scenario.error import Mistake, ScenarioError, shorten
from pytest_flink_agents.scenario.expressions import compile_expression
from pytest_flink_agents.scenario.json_lines import DataBudget, decoded_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from pytest_flink_agents.scenario.error import DocumentPath

# Any cell has a number in it, so that functions such as to_number() find a value.
_ANY_CELL = "0"


def numbered_rows(file: Path, name: str, budget: DataBudget) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the rows below the header, each with the number of its last line.

    ``name`` is the file's name in messages. Raises :class:`ScenarioError` for a header without
    names of its own, a row of another length, a quote without its end, and as
    :func:`decoded_lines`.
    """
    lines = (line for _, line in decoded_lines(file, name, budget))
    rows = csv.reader(lines, strict=True)
    columns: list[str] = []
    try:
        for row in rows:
            if not columns:
                columns = _columns(row, name)
            elif len(row) == len(columns):
                yield rows.line_num, dict(zip(columns, row, strict=True))
            elif row:
                expected = f"{len(columns)} cells, as in the header"
                _refuse("a row of another length", name, rows.line_num, expected, f"{len(row)} cells")
    except csv.Error as error:
        _refuse("this line is not CSV", name, rows.line_num, "cells between commas", shorten(str(error)))


def is_csv(name: str) -> bool:
    """Return whether a file is read as CSV."""
    return name.lower().endswith(".csv")


def column_mistakes(file: Path, name: str, wanted: Mapping[str, str], place: DocumentPath) -> Iterator[Mistake]:
    """Yield the mistakes of paths that find nothing in a row of a file.

    ``wanted`` are the paths by the word that has them, below ``place``. Only the header is read.
    """
    try:
        row = _any_row(file, name)
    except ScenarioError as error:
        (problem,) = error.problems
        message = f"{problem.where}: {problem.message}"
        yield Mistake(problem.code, (*place, "from"), message, problem.expected, problem.seen, problem.next_step)
        return
    for word, path in wanted.items():
        if _finds_nothing(path, row):
            near = nearest(path, row)
            columns = ", ".join(map(shorten, row)) or "no columns at all"
            next_step = f'did you mean "{near}"?' if near else "name a column of the first line"
            yield Mistake(
                "FA212", (*place, word), f"no column {shorten(path)} in {name}", columns, shorten(path), next_step
            )


def _any_row(file: Path, name: str) -> dict[str, str]:
    for _, line in decoded_lines(file, name, DataBudget()):
        for row in csv.reader([line]):
            return dict.fromkeys(_columns(row, name), _ANY_CELL)
    return {}


def _finds_nothing(path: str, row: Mapping[str, str]) -> bool:
    try:
        return compile_expression(path).search(row) is None
    except (ValueError, JMESPathError):
        # A mistake of another kind, with a message of its own.
        return False


def _columns(row: list[str], name: str) -> list[str]:
    columns = [column.strip() for column in row]
    twice = next((column for index, column in enumerate(columns) if not column or column in columns[:index]), None)
    if not columns or twice is not None:
        seen = f'the name "{shorten(twice)}" twice' if twice else "a column without a name"
        _refuse("the header does not name every column", name, 1, "a name of its own for each column", seen)
    return columns


def _refuse(message: str, name: str, number: int, expected: str, seen: str) -> NoReturn:
    raise ScenarioError(Problem("FA212", message, where=f"{name}:{number}:1", expected=expected, seen=seen))
