"""Scenario files into loaded scenarios: everything that can be wrong with them is found here, before anything starts.

Must never import: pytest, anything that starts something.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.agent_options import check_options
from pytest_flink_agents.scenario.boundary.agent_files import agent_file_mistakes
from pytest_flink_agents.scenario.boundary.code_names import code_mistake
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside, open_regular, shown
from pytest_flink_agents.scenario.boundary.requirement_lines import requirement_mistakes
from pytest_flink_agents.scenario.boundary.resources import resource_mistakes
from pytest_flink_agents.scenario.document import Document, parse
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError, describe, path_text, shorten
from pytest_flink_agents.scenario.matching.matchers import Matcher, MatcherError, compile_matcher, is_plain
from pytest_flink_agents.scenario.matching.vacuous import in_every_log_line, matches_every_failure
from pytest_flink_agents.scenario.placeholders import read_placeholders
from pytest_flink_agents.scenario.reader import FILE_BYTES
from pytest_flink_agents.scenario.validation import read_scenario

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_flink_agents.scenario.boundary.project import Project
    from pytest_flink_agents.scenario.model import ExpectedFailure, Scenario

PROBLEMS_PER_FILE = 100


@dataclass(frozen=True, slots=True)
class OutputMatcher:
    """One expected output, ready to compare."""

    key: Matcher
    value: Matcher


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A sound scenario with the place it came from.

    ``file`` and ``root`` are absolute, all links followed. ``outputs`` are the matchers of ``expect.outputs`` in order,
    None if the scenario expects none; ``failure`` is the matcher of the failure's message, ``waived_failure`` that of
    ``expect_fail.failure``. ``warnings`` are oddities that are no mistakes.
    """

    scenario: Scenario
    document: Document
    file: Path
    root: Path
    outputs: tuple[OutputMatcher, ...] | None
    failure: Matcher | None
    waived_failure: Matcher | None = None
    warnings: tuple[Problem, ...] = ()

    def path(self, relative: str) -> Path:
        """Return the file of the project that the scenario names by ``relative``.

        Raises :class:`ScenarioError` where it is gone by now.
        """
        try:
            return file_inside(self.file.parent, relative, self.root)
        except PlaceError as error:
            problem = Problem("FA206", error.message, self.document.file, error.expected, error.seen, error.next_step)
            raise ScenarioError(problem) from None


def load_file(path: Path, project: Project) -> list[LoadedScenario]:
    """Return the scenarios of one file, in order.

    Raises :class:`ScenarioError` with all problems of all documents of the file, in the order of the lines.
    """
    root = project.root.resolve()
    file, data = _read(path, root)
    name = shown(file, root)
    documents, problems = parse(data, name)
    if not documents and not problems:
        next_step = "write at least version, name, agent, inputs and expect"
        problems.append(Problem("FA201", "the file holds no scenario", f"{name}:1:1", next_step=next_step))
    loaded = []
    names: dict[str, int] = {}
    for document in documents:
        scenario, mistakes = _load(document, file, root, project)
        mistakes = [*mistakes, *_duplicate_name(document, names)]
        problems.extend(document.problem(mistake) for mistake in mistakes)
        if scenario:
            loaded.append(scenario)
    if problems:
        raise ScenarioError(*_in_order(problems, name))
    return loaded


def _read(path: Path, root: Path) -> tuple[Path, bytes]:
    """Return a scenario file with all links resolved, and its bytes, one more than allowed if it is too large."""
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
    """Return the scenarios of all sound files, and the problems of all others; parameters as in :func:`load_file`."""
    loaded: list[LoadedScenario] = []
    problems: list[Problem] = []
    for path in paths:
        try:
            loaded.extend(load_file(path, project))
        except ScenarioError as error:  # noqa: PERF203 - it is how one file says no
            problems.extend(error.problems)
    return loaded, problems


def _load(document: Document, file: Path, root: Path, project: Project) -> tuple[LoadedScenario | None, list[Mistake]]:
    value, mistakes = read_placeholders(document.value, project.allowed_env)
    scenario, wrong = read_scenario(document, value)
    mistakes += wrong
    wrong_options, warnings = check_options(_at(value, "config"), extra=_at(value, "config_extra") is True)
    mistakes += wrong_options
    # What follows looks at the plain value too, so that one mistake does not hide the others.
    for path, relative in _named_files(value):
        mistakes += _path_mistakes(path, relative, file, root)
    mistakes += _boundary_mistakes(value, mistakes, file, project)
    mistakes += _log_mistakes(value)
    outputs = tuple(_output_matchers(value, mistakes))
    failure = waived = None
    if scenario:
        failure = _failure_matcher(scenario.expect.failure, ("expect", "failure"), mistakes)
        known = scenario.expect_fail.failure if scenario.expect_fail else None
        waived = _failure_matcher(known, ("expect_fail", "failure"), mistakes)
    if scenario is None or mistakes:
        return None, mistakes
    expected = outputs if scenario.expect.outputs is not None else None
    odd = tuple(document.problem(warning) for warning in warnings)
    return LoadedScenario(scenario, document, file, root, expected, failure, waived, odd), []


def _boundary_mistakes(value: Any, known: list[Mistake], file: Path, project: Project) -> Iterator[Mistake]:
    """Yield the code, requirements and resources that the scenario may not name; ``known`` are its other mistakes."""
    wrong = {mistake.path for mistake in known}
    agent = _at(value, "agent")
    if isinstance(agent, str) and ("agent",) not in wrong and (mistake := code_mistake(agent, ("agent",), project)):
        yield mistake
    for word in ("yaml", "plan"):
        path: DocumentPath = ("agent", word)
        if isinstance(name := _at(value, *path), str) and path not in wrong:
            yield from agent_file_mistakes(file.parent / name, path, project)
    yield from resource_mistakes(_at(value, "resources"), project)
    if ("requirements",) not in wrong:
        yield from requirement_mistakes(_at(value, "requirements"), file, project)


def _output_matchers(value: Any, mistakes: list[Mistake]) -> Iterator[OutputMatcher]:
    """Yield the matchers of the outputs that have a key and a value; adds what is wrong with them."""
    per_key = _at(value, "expect", "order") in (None, "per_key")
    outputs = _at(value, "expect", "outputs")
    for index, output in enumerate(outputs if isinstance(outputs, list) else ()):
        if not isinstance(output, dict) or not {"key", "value"} <= output.keys():
            continue
        path: DocumentPath = ("expect", "outputs", index)
        if per_key and not is_plain(output["key"]):
            next_step = "write the key itself, or `order: any` or `order: strict`"
            message = f"wrong value for {path_text((*path, 'key'))}"
            expected = "a plain key, as outputs are compared key by key"
            mistakes.append(Mistake("FA203", (*path, "key"), message, expected, describe(output["key"]), next_step))
        key, wanted = (_matcher(output[word], (*path, word), mistakes) for word in ("key", "value"))
        if key and wanted:
            yield OutputMatcher(key, wanted)


def _log_mistakes(value: Any) -> Iterator[Mistake]:
    """Yield the patterns of allowed log lines that every ERROR line contains."""
    allowed = _at(value, "expect", "logs", "allow")
    for index, pattern in enumerate(allowed if isinstance(allowed, list) else ()):
        path: DocumentPath = ("expect", "logs", "allow", index)
        with suppress(ValueError):
            if isinstance(pattern, str) and in_every_log_line(pattern):
                message = f"a pattern that allows every ERROR line: {path_text(path)}"
                next_step = "name what only the expected line says"
                yield Mistake("FA209", path, message, "a part of one line", describe(pattern), next_step)


def _failure_matcher(wanted: ExpectedFailure | None, path: DocumentPath, mistakes: list[Mistake]) -> Matcher | None:
    matcher = _matcher(wanted.model_dump(exclude_unset=True), path, mistakes) if wanted else None
    if matcher is not None and matches_every_failure(matcher):
        next_step = "name what only this failure says, such as its message"
        message = f"a text that every failure contains: {path_text(path)}"
        mistakes.append(Mistake("FA209", path, message, "a part of this failure's message", matcher.text, next_step))
    return matcher


def _matcher(value: Any, path: DocumentPath, mistakes: list[Mistake]) -> Matcher | None:
    try:
        return compile_matcher(value, path)
    except MatcherError as error:
        mistakes += error.mistakes
        return None


def _named_files(value: Any) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the files that a scenario names, by their place in the document."""
    inputs = _at(value, "inputs")
    count = len(inputs) if isinstance(inputs, list) else 0
    places: list[DocumentPath] = [
        ("agent", "yaml"),
        ("agent", "plan"),
        ("job", "python"),
        ("job", "jar"),
        ("requirements",),
    ]
    for path in [*places, *(("inputs", index, "from") for index in range(count))]:
        if isinstance(relative := _at(value, *path), str) and relative:
            yield path, relative


def _path_mistakes(path: DocumentPath, relative: str, file: Path, root: Path) -> list[Mistake]:
    try:
        file_inside(file.parent, relative, root)
    except PlaceError as error:
        return [Mistake("FA206", path, error.message, error.expected, error.seen, error.next_step)]
    return []


def _at(value: Any, *path: str | int) -> Any:
    """Return the value at a place of plain data, None where there is none."""
    for step in path:
        fits = isinstance(value, dict) if isinstance(step, str) else isinstance(value, list)
        if not fits or (isinstance(step, str) and step not in value):
            return None
        value = value[step]
    return value


def _duplicate_name(document: Document, names: dict[str, int]) -> Iterator[Mistake]:
    name = document.value.get("name") if isinstance(document.value, dict) else None
    if not isinstance(name, str):
        return
    line = document.mark(("name",)).line
    if name in names:
        message = f'the name "{shorten(name)}" is taken in this file'
        yield Mistake("FA208", ("name",), message, "a name of its own", f"the same name in line {names[name]}")
    names.setdefault(name, line)


def _in_order(problems: list[Problem], name: str) -> list[Problem]:
    """By line and column, and not more than a reader will read."""
    ordered = sorted(problems, key=lambda problem: tuple(int(number) for number in problem.where.split(":")[-2:]))
    left_out = len(ordered) - PROBLEMS_PER_FILE
    if left_out <= 0:
        return ordered
    rest = Problem("FA211", f"{left_out} more problems in this file are not shown", where=name)
    return [*ordered[:PROBLEMS_PER_FILE], rest]
