"""A scenario as plain data, before its classes have read it: the places of paths, agents, jobs and endpoints.

Must never import: pytest, anything that starts a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_flink_agents.scenario.error import DocumentPath
from pytest_flink_agents.scenario.flink_options import BEFORE, SAVEPOINT

if TYPE_CHECKING:
    from collections.abc import Iterator


def relative_paths(value: Any) -> list[DocumentPath]:
    """Return the places of paths that are relative to the file which names them."""
    paths = [path for path, _ in named_files(value)]
    others: tuple[DocumentPath, ...] = (("config_file",), ("llm", "cassette"), SAVEPOINT)
    return paths + [path for path in others if isinstance(value_at(value, *path), str)]


def at_both_versions(word: str) -> tuple[DocumentPath, ...]:
    """Return the places of a word of the scenario's own version, and of the one before an upgrade."""
    return ((word,), (*BEFORE, word))


def agents_in(value: Any) -> list[DocumentPath]:
    """Return the places of agents whose code is in the project now, and not at another commit."""
    others: tuple[DocumentPath, ...] = (BEFORE, ("compare", "baseline"))
    return [("agent",), *((*other, "agent") for other in others if not value_at(value, *other, "git"))]


def jobs_in(value: Any) -> list[DocumentPath]:
    """Return the places of jobs whose files are in the project now, and not at another commit."""
    return [("job",), *([] if value_at(value, *BEFORE, "git") else [(*BEFORE, "job")])]


def named_files(value: Any) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the files that a scenario names, by place."""
    inputs = value_at(value, "inputs")
    count = len(inputs) if isinstance(inputs, list) else 0
    places: list[DocumentPath] = [
        *((*place, word) for place in agents_in(value) for word in ("yaml", "plan", "jar")),
        *((*place, word) for place in jobs_in(value) for word in ("python", "jar")),
        *at_both_versions("requirements"),
        ("compare", "baseline", "evidence"),
    ]
    for path in [*places, *(("inputs", index, "from") for index in range(count))]:
        if isinstance(relative := value_at(value, *path), str) and relative:
            yield path, relative


def named_endpoints(value: Any) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the endpoints that a scenario names, by place."""
    expected, faults = value_at(value, "expect", "effects"), value_at(value, "faults")
    for name in expected if isinstance(expected, dict) else ():
        yield ("expect", "effects", name), name
    moments: list[DocumentPath] = [("faults", index) for index in range(len(faults) if isinstance(faults, list) else 0)]
    for moment in (*moments, ("upgrade",)):
        path: DocumentPath = (*moment, "after", "effect")
        if isinstance(name := value_at(value, *path), str) and name:
            yield path, name


def value_at(value: Any, *path: str | int) -> Any:
    """Return the value at a place of plain data.

    None if there is none.
    """
    for step in path:
        fits = isinstance(value, dict) if isinstance(step, str) else isinstance(value, list)
        if not fits or (isinstance(step, str) and step not in value):
            return None
        value = value[step]
    return value
