"""The mistakes in the plain data of a scenario, beside those that its classes find.

Must never import: pytest, anything that starts a process.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_flink_agents.scenario.boundary.addresses import address_mistakes
from pytest_flink_agents.scenario.boundary.agent_files import agent_file_mistakes
from pytest_flink_agents.scenario.boundary.code_names import code_mistake
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside, savepoint_inside, shown
from pytest_flink_agents.scenario.boundary.requirement_lines import requirement_mistakes
from pytest_flink_agents.scenario.boundary.resources import resource_mistakes
from pytest_flink_agents.scenario.cassette import cassette_mistakes
from pytest_flink_agents.scenario.csv_rows import column_mistakes, is_csv
from pytest_flink_agents.scenario.effects import effect_mistakes
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, path_text
from pytest_flink_agents.scenario.flink_options import SAVEPOINT
from pytest_flink_agents.scenario.loaded import combined_name
from pytest_flink_agents.scenario.matching.vacuous import in_every_log_line
from pytest_flink_agents.scenario.plain_value import (
    agents_in,
    at_both_versions,
    named_files,
    value_at,
)
from pytest_flink_agents.scenario.scrub import scrub_mistakes
from pytest_flink_agents.scenario.stored_evidence import evidence_mistakes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_flink_agents.scenario.boundary.project import Project


def add_mistakes(mistakes: list[Mistake], value: Any, file: Path, project: Project, combination: str) -> None:
    """Add the mistakes of files, of code outside the project, and of words that are no matchers."""
    root = project.real_root
    for path, relative in named_files(value):
        mistakes += _path_mistakes(path, relative, file, root)
    if isinstance(stored := value_at(value, *SAVEPOINT), str) and stored:
        mistakes += _path_mistakes(SAVEPOINT, stored, file, root, savepoint_inside)
    mistakes += _column_mistakes(value, mistakes, file, root)
    mistakes += _evidence_mistakes(value, mistakes, file, root, combination)
    mistakes += _boundary_mistakes(value, mistakes, file, project)
    mistakes += cassette_mistakes(value_at(value, "llm"), file, project)
    mistakes += _log_mistakes(value)
    mistakes += scrub_mistakes(value_at(value, "scrub"), value_at(value, "expect", "outputs"))
    mistakes += effect_mistakes(value_at(value, "effects"))


def _column_mistakes(value: Any, known: list[Mistake], file: Path, root: Path) -> Iterator[Mistake]:
    """Yield the keys and values of inputs that are no column of their CSV file.

    Files of packages are checked when they are read: the job environment has them.
    """
    wrong = {mistake.path for mistake in known}
    for path, relative in named_files(value):
        if path[0] == "inputs" and is_csv(relative) and path not in wrong:
            paths = {
                word: text for word in ("key", "value") if isinstance(text := value_at(value, *path[:2], word), str)
            }
            data = file_inside(file.parent, relative, root)
            yield from column_mistakes(data, shown(data, root), paths, path[:2])


def _evidence_mistakes(value: Any, known: list[Mistake], file: Path, root: Path, combination: str) -> Iterator[Mistake]:
    """Yield the mistake of a stored run that the scenario cannot be compared with."""
    path: DocumentPath = ("compare", "baseline", "evidence")
    relative = value_at(value, *path)
    if isinstance(relative, str) and relative and path not in {mistake.path for mistake in known}:
        stored = file_inside(file.parent, relative, root)
        yield from evidence_mistakes(stored, shown(stored, root), combined_name(value_at(value, "name"), combination))


def _boundary_mistakes(value: Any, known: list[Mistake], file: Path, project: Project) -> Iterator[Mistake]:
    """Yield the code, requirements and resources that the scenario may not name.

    ``known`` are its other mistakes.
    """
    wrong = {mistake.path for mistake in known}
    for place in agents_in(value):
        agent = value_at(value, *place)
        if isinstance(agent, str) and place not in wrong and (mistake := code_mistake(agent, place, project)):
            yield mistake
        for word in ("yaml", "plan"):
            path: DocumentPath = (*place, word)
            if isinstance(name := value_at(value, *path), str) and path not in wrong:
                yield from agent_file_mistakes(file.parent / name, path, project)
    yield from resource_mistakes(value_at(value, "resources"), project)
    yield from address_mistakes(value)
    for place in at_both_versions("requirements"):
        if place not in wrong:
            yield from requirement_mistakes(value_at(value, *place), file, project, place)


def _log_mistakes(value: Any) -> Iterator[Mistake]:
    """Yield the patterns of allowed log lines that every ERROR line contains."""
    allowed = value_at(value, "expect", "logs", "allow")
    for index, pattern in enumerate(allowed if isinstance(allowed, list) else ()):
        path: DocumentPath = ("expect", "logs", "allow", index)
        with suppress(ValueError):
            if isinstance(pattern, str) and in_every_log_line(pattern):
                message = f"a pattern that allows every ERROR line: {path_text(path)}"
                next_step = "name what only the expected line says"
                yield Mistake("FA209", path, message, "a part of one line", describe(pattern), next_step)


def _path_mistakes(
    path: DocumentPath, relative: str, file: Path, root: Path, inside: Callable[[Path, str, Path], Path] = file_inside
) -> list[Mistake]:
    try:
        inside(file.parent, relative, root)
    except PlaceError as error:
        return [Mistake("FA206", path, error.message, error.expected, error.seen, error.next_step)]
    return []
