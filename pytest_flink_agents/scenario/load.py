"""Scenario files, loaded with all their mistakes at once, before anything starts.

Must never import: pytest, anything that starts a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flink_testbed.core.patterns import SearchBudget
from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.places import open_regular, shown
from pytest_flink_agents.scenario.compile import compile_document
from pytest_flink_agents.scenario.document import Document, parse
from pytest_flink_agents.scenario.error import Mistake, ScenarioError, shorten
from pytest_flink_agents.scenario.loaded import LoadedScenario
from pytest_flink_agents.scenario.matrix import combinations
from pytest_flink_agents.scenario.reader import FILE_BYTES
from pytest_flink_agents.scenario.shared_words import with_shared_words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_flink_agents.scenario.boundary.project import Project

__all__ = ["LoadedScenario", "load_file", "load_files"]

PROBLEMS_PER_FILE = 100
# Compiling the patterns of a file, and trying whether they can fail.
PATTERNS_S = 5.0


def load_file(path: Path, project: Project) -> list[LoadedScenario]:
    """Return the scenarios of one file, in order.

    Raises :class:`ScenarioError` with all problems of all documents of the file, in the order of
    the lines.
    """
    root = project.real_root
    file, data = _read(path, root)
    name = shown(file, root)
    documents, problems = parse(data, name)
    if not documents and not problems:
        next_step = "write at least version, name, agent, inputs and expect"
        problems.append(Problem("FA201", "the file contains no scenario", f"{name}:1:1", next_step=next_step))
    loaded = []
    names: dict[str, int] = {}
    budget = SearchBudget(PATTERNS_S)
    for document in documents:
        with budget:
            found, wrong = _compiled(document, file, project)
        wrong += map(document.problem, _duplicate_names(document, found, names))
        # Documents of one file share their mistakes in the words that they share.
        problems += [problem for problem in wrong if problem not in problems]
        loaded += found
    if budget.left_s <= 0:
        # Patterns that were not tried any more may match everything.
        limit = f"at most {PATTERNS_S:g} s for all patterns of a file"
        problems.append(Problem("FA211", "its patterns take too long", f"{name}:1:1", limit, "more", "simplify them"))
    if problems:
        raise ScenarioError(*_in_order(problems, name))
    return loaded


def _compiled(own: Document, file: Path, project: Project) -> tuple[list[LoadedScenario], list[Problem]]:
    """Return the scenario of each combination of a document's matrix, and the problems of all of them."""
    document, problems = with_shared_words(own, file, project.real_root)
    variants, mistakes = combinations(document)
    found = []
    for name, variant in variants:
        scenario, wrong = compile_document(variant, file, project, name)
        # A mistake outside of the varied values is the same in every combination.
        mistakes += [mistake for mistake in wrong if mistake not in mistakes]
        if scenario:
            found.append(scenario)
    if problems:
        # A word that is missing here may stand in the file that could not be read.
        mistakes = [mistake for mistake in mistakes if mistake.code != "FA204"]
    return found, problems + [document.problem(mistake) for mistake in mistakes]


def _read(path: Path, root: Path) -> tuple[Path, bytes]:
    """Return a scenario file, all links resolved, and its bytes.

    A file that is too large has one byte more than allowed.
    """
    name = path.as_posix()
    try:
        file = path.resolve()
        name = shown(file, root)
        if not file.is_relative_to(root):
            seen = f"{name}, by a link" if path.is_symlink() else name
            message = "the scenario file is outside the project"
            raise ScenarioError(Problem("FA206", message, name, f"a file below {root}", seen))
        with open_regular(file) as stream:
            return file, stream.read(FILE_BYTES + 1)
    except (OSError, RuntimeError) as error:
        # Python before 3.13 reports a loop of links as RuntimeError.
        seen = str(error.strerror) if isinstance(error, OSError) else "the links form a loop"
        message = "the scenario file cannot be read"
        raise ScenarioError(Problem("FA206", message, name, "a regular file", seen)) from None


def load_files(paths: Iterable[Path], project: Project) -> tuple[list[LoadedScenario], list[Problem]]:
    """Return the scenarios of all valid files, and all problems."""
    loaded: list[LoadedScenario] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            loaded.extend(load_file(path, project))
        except ScenarioError as error:  # noqa: PERF203 - one wrong file does not stop the others
            problems.extend(error.problems)
    return loaded, problems


def _duplicate_names(document: Document, found: Iterable[LoadedScenario], names: dict[str, int]) -> Iterator[Mistake]:
    """Yield a mistake if the name of a document, or that of a combination of its matrix, is taken.

    Of two scenarios with one node id, pytest's options leave one out and nothing says so.
    """
    own = document.value.get("name") if isinstance(document.value, dict) else None
    if not isinstance(own, str):
        return
    line = document.mark(("name",)).line
    mine = dict.fromkeys((own, *(scenario.name for scenario in found)))
    taken = next((name for name in mine if name in names), None)
    if taken is not None:
        message = f'the name "{shorten(taken)}" is taken in this file'
        yield Mistake("FA208", ("name",), message, "a name of its own", f"the same name in line {names[taken]}")
    for name in mine:
        names.setdefault(name, line)


def _in_order(problems: list[Problem], name: str) -> list[Problem]:
    """Sort problems by file, line and column, the file itself first, and truncate them."""

    def place(problem: Problem) -> tuple[bool, str, int, int]:
        file, line, column = problem.where.rsplit(":", 2)
        return file != name, file, int(line), int(column)

    ordered = sorted(problems, key=place)
    left_out = len(ordered) - PROBLEMS_PER_FILE
    if left_out <= 0:
        return ordered
    rest = Problem("FA211", f"{left_out} more problems in this file are not shown", where=name)
    return [*ordered[:PROBLEMS_PER_FILE], rest]
