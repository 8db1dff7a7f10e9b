"""The inputs of a scenario as a list: those written out, and those in JSON-lines files of the project or of a package.

Reading is bounded, and what a file holds is data: no placeholder in it is filled in.
Must never import: yaml, pytest.
"""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import jmespath
from jmespath.exceptions import JMESPathError

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside, shown
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError, describe, shorten
from pytest_flink_agents.scenario.model import FileInputs, InlineInput, PackageInputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from pytest_flink_agents.scenario.load import LoadedScenario

DATA_BYTES = 64 * 1024 * 1024
_PROBLEMS_SHOWN = 20


def resolve_inputs(loaded: LoadedScenario, search_roots: Sequence[Path]) -> list[dict[str, Any]]:
    """All inputs in order, each ``{"key": ..., "value": ...}``.

    ``search_roots`` are the folders in which packages are looked up, first one first: the project root, import roots,
    the job environment's site-packages. A limited read reads no more records than wanted. Raises
    :class:`ScenarioError`: the file is not there, a line is no JSON, a record has no key or no value, or there is too
    much; each names file and line.
    """
    found: list[dict[str, Any]] = []
    for index, one in enumerate(loaded.scenario.inputs):
        if isinstance(one, InlineInput):
            found.append({"key": one.key, "value": one.value})
        elif isinstance(one, FileInputs):
            found += _records(loaded.path(one.from_), one, loaded.root)
        else:
            found += _records(_in_package(loaded, index, one, search_roots), one, loaded.root)
    return found


def _in_package(loaded: LoadedScenario, index: int, wanted: PackageInputs, search_roots: Sequence[Path]) -> Path:
    """Return the file in the first root that holds the package's folder with that file."""
    looked_in = []
    path: DocumentPath = ("inputs", index, "file")
    for root in search_roots:
        folder = root.joinpath(*wanted.package.split("."))
        if not folder.is_dir():
            looked_in.append(f"{root} has no {wanted.package.replace('.', '/')}/")
            continue
        try:
            return file_inside(folder, wanted.file, folder)
        except PlaceError as error:
            looked_in.append(f"{folder}: {error.message}")
    mistake = Mistake(
        "FA206",
        path,
        f"no file {shorten(wanted.file)} in package {wanted.package}",
        expected="an existing file inside that package",
        seen="; ".join(looked_in) or "no folder to look in",
        next_step="check the package and the file; the package must be in the project or in the job's requirements",
    )
    raise ScenarioError(loaded.document.problem(mistake))


def _records(file: Path, wanted: FileInputs | PackageInputs, root: Path) -> list[dict[str, Any]]:
    key = jmespath.compile(wanted.key)
    value = jmespath.compile(wanted.value) if wanted.value else None
    found: list[dict[str, Any]] = []
    problems: list[Problem] = []
    name = shown(file, root)
    for number, line in islice(_lines(file, name), wanted.limit):
        try:
            record = json.loads(line, parse_constant=_no_constant)
            found_key = key.search(record)
            found_value = record if value is None else value.search(record)
        except (ValueError, RecursionError, JMESPathError) as error:
            reason = " ".join(str(error).split()) or "nested too deep"
            problems.append(_bad_line(name, number, "this line cannot be used", "a line of JSON", shorten(reason)))
        else:
            for path, seen in ((wanted.key, found_key), (wanted.value or "@", found_value)):
                if seen is None:
                    problems.append(
                        _bad_line(name, number, f"nothing at {path}", f"a value at {path}", describe(record))
                    )
            found.append({"key": found_key, "value": found_value})
        if len(problems) >= _PROBLEMS_SHOWN:
            break
    if problems:
        raise ScenarioError(*problems)
    if not found:
        raise ScenarioError(Problem("FA212", "the data file holds no record", where=name, expected="lines of JSON"))
    return found


def _lines(file: Path, name: str) -> Iterator[tuple[int, str]]:
    """Return the lines that are not blank, with their numbers; raises where the file is too large or no text."""
    left = DATA_BYTES
    with file.open("rb") as stream:
        for number in range(1, DATA_BYTES):
            raw = stream.readline(left + 1)
            left -= len(raw)
            if left < 0:
                limit = f"at most {DATA_BYTES // 1024 // 1024} MiB"
                raise ScenarioError(Problem("FA211", "too much data", f"{name}:{number}", limit, "more", "set `limit`"))
            if not raw:
                return
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip()
            except UnicodeDecodeError as error:
                problem = _bad_line(
                    name, number, "this line is not UTF-8 text", "UTF-8", f"the byte 0x{raw[error.start]:02x}"
                )
                raise ScenarioError(problem) from None
            if line:
                yield number, line


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _bad_line(name: str, number: int, message: str, expected: str, seen: str) -> Problem:
    return Problem("FA212", message, where=f"{name}:{number}:1", expected=expected, seen=seen)
