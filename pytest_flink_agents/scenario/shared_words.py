"""Words that scenarios share: the files under ``include``, and ``scenario.defaults.yaml``.

A scenario's own words win, then those of its includes, the last one first, then the defaults beside
it. Mappings are merged; lists and other values are replaced. Every value keeps the place that it
comes from.
Must never import: pydantic, pytest.
"""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_testbed.core.problem import Problem, nearest
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside, open_regular, shown
from pytest_flink_agents.scenario.document import Document, merged, parse
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, shorten
from pytest_flink_agents.scenario.reader import FILE_BYTES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

DEFAULTS = "scenario.defaults.yaml"
_DEFAULT_WORDS = (
    *("version", "agent", "job", "requirements", "resources", "config", "config_extra", "environment"),
    *("config_file", "flink_config", "network"),
    *("tags", "owner", "tiers", "flink", "within"),
)
# All files that one scenario includes, directly or not.
_FILES = 32


@dataclass(slots=True)
class _Reading:
    """The files that are read for one scenario, and what is wrong with them."""

    root: Path
    problems: list[Problem] = field(default_factory=list)
    files: int = 0


def with_shared_words(document: Document, file: Path, root: Path) -> tuple[Document, list[Problem]]:
    """Return a document with the words of its includes and of the defaults beside its file.

    ``file`` and ``root`` are absolute, all links resolved.
    """
    if not isinstance(document.value, dict):
        return document, []
    reading = _Reading(root)
    found = _with_includes(document, file, (file,), reading)
    if os.path.lexists(file.parent / DEFAULTS):
        defaults = _read(DEFAULTS, file.parent, document, (), reading)
        if defaults:
            shared, _ = defaults
            reading.problems += map(shared.problem, _not_for_all(shared.value))
            words = {word: value for word, value in shared.value.items() if word in _DEFAULT_WORDS}
            found = merged(found, dataclasses.replace(shared, value=words))
    return found, reading.problems


def relocated(value: Any, document: Document, file: Path, root: Path, paths: Iterable[DocumentPath]) -> Any:
    """Return a document's value with files relative to ``file``.

    ``paths`` are the places of strings that name files; those that come from another file are
    relative to that one.
    """
    for path in paths:
        base = root.joinpath(document.origin(path)).parent
        relative = _at(value, path)
        if base != file.parent and not Path(relative).is_absolute():
            value = _replaced(value, path, Path(os.path.relpath(base / relative, file.parent)).as_posix())
    return value


def _with_includes(document: Document, file: Path, chain: tuple[Path, ...], reading: _Reading) -> Document:
    """Return a document with the words of its includes; ``chain`` are the files that lead to it."""
    names = document.value.get("include")
    if not isinstance(names, list):
        return document
    found = document
    for index in reversed(range(len(names))):
        if isinstance(name := names[index], str):
            read = _read(name, file.parent, document, ("include", index), reading, chain)
            if read:
                included, path = read
                found = merged(found, _with_includes(included, path, (*chain, path), reading))
    return found


def _read(
    name: str, base: Path, document: Document, place: DocumentPath, reading: _Reading, chain: tuple[Path, ...] = ()
) -> tuple[Document, Path] | None:
    """Return a file's document and path; None if something is wrong, which is recorded."""
    mistake = None
    try:
        path = file_inside(base, name, reading.root)
        reading.files += 1
        if path in chain:
            circle = " -> ".join(shown(each, reading.root) for each in (*chain[chain.index(path) :], path))
            mistake = Mistake("FA217", place, "the includes form a circle", "a file that does not lead back", circle)
        elif reading.files > _FILES:
            mistake = Mistake("FA217", place, "too many included files", f"at most {_FILES} in a scenario", "more")
        else:
            return _document(path, reading)
    except PlaceError as error:
        mistake = Mistake("FA206", place, error.message, error.expected, error.seen, error.next_step)
    except OSError as error:
        mistake = Mistake("FA206", place, f"{shorten(name)} cannot be read", "a regular file", str(error.strerror))
    reading.problems.append(document.problem(mistake))
    return None


def _document(path: Path, reading: _Reading) -> tuple[Document, Path] | None:
    with open_regular(path) as stream:
        documents, problems = _parsed(stream.read(FILE_BYTES + 1), shown(path, reading.root))
    reading.problems += problems
    if problems:
        return None
    if len(documents) == 1 and isinstance(documents[0].value, dict):
        return documents[0], path
    where = f"{shown(path, reading.root)}:1:1"
    seen = f"{len(documents)} documents" if len(documents) != 1 else "another value"
    reading.problems.append(Problem("FA217", "not a file of words to share", where, "one mapping of words", seen))
    return None


@lru_cache(maxsize=64)
def _parsed(data: bytes, name: str) -> tuple[tuple[Document, ...], tuple[Problem, ...]]:
    """Parse a file once for all scenarios that share it."""
    documents, problems = parse(data, name)
    return tuple(documents), tuple(problems)


def _not_for_all(words: dict[str, Any]) -> Iterator[Mistake]:
    for word in words:
        if word not in _DEFAULT_WORDS:
            near = nearest(word, _DEFAULT_WORDS)
            next_step = f'did you mean "{near}"?' if near else "write it into the scenarios, or a file under include"
            message = f'"{shorten(word)}" does not belong in {DEFAULTS}'
            yield Mistake("FA202", (word,), message, f"one of {', '.join(_DEFAULT_WORDS)}", word, next_step, True)


def _at(value: Any, path: DocumentPath) -> Any:
    for step in path:
        value = value[step]
    return value


def _replaced(value: Any, path: DocumentPath, new: Any) -> Any:
    """Return a copy of a value with another one at a place."""
    if not path:
        return new
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(copy[path[0]], path[1:], new)
    return copy
