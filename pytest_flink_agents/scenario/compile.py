"""One document compiled into a scenario, or into all of its mistakes.

Must never import: pytest, anything that starts a process.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_flink_agents.scenario.agent_options import check_options
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
from pytest_flink_agents.scenario.expectation.effects import endpoint_mistakes
from pytest_flink_agents.scenario.expectation.matchers import matchers_of
from pytest_flink_agents.scenario.flink_options import BEFORE, SAVEPOINT, read_flink_words
from pytest_flink_agents.scenario.held_inputs import held_matchers
from pytest_flink_agents.scenario.loaded import LoadedScenario, OutputMatcher, combined_name
from pytest_flink_agents.scenario.matching.custom import NO_MATCHERS, CustomMatchers
from pytest_flink_agents.scenario.matching.matcher import Matcher
from pytest_flink_agents.scenario.matching.matchers import MatcherError, compile_matcher, is_plain
from pytest_flink_agents.scenario.matching.vacuous import in_every_log_line, matches_every_failure
from pytest_flink_agents.scenario.model import Scenario
from pytest_flink_agents.scenario.placeholders import read_placeholders
from pytest_flink_agents.scenario.scrub import scrub_mistakes
from pytest_flink_agents.scenario.shared_words import relocated
from pytest_flink_agents.scenario.stored_evidence import evidence_mistakes
from pytest_flink_agents.scenario.validation import read_mapping

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_flink_agents.scenario.boundary.project import Project
    from pytest_flink_agents.scenario.document import Document
    from pytest_flink_agents.scenario.expectations import ExpectedFailure


def compile_document(
    document: Document, file: Path, project: Project, combination: str = ""
) -> tuple[LoadedScenario | None, list[Mistake]]:
    """Return the scenario of a document, or None and all of its mistakes.

    ``file`` is the document's file, ``combination`` names the values of its matrix that it has.
    """
    root = project.real_root
    value, mistakes = read_placeholders(document.value, project.allowed_env, project.model_formats)
    if document.parts:
        value = relocated(value, document, file, root, _relative_paths(value))
    scenario, wrong = read_mapping(Scenario, document, value)
    mistakes += wrong
    wrong, warnings = _checked_options(value)
    mistakes += wrong
    flink = read_flink_words(document, value, file, project)
    mistakes += flink.mistakes
    # All checks below read the plain value, so that one mistake does not hide the others.
    _add_mistakes(mistakes, value, file, project, combination)
    outputs = tuple(_output_matchers(value, mistakes, project.matchers))
    matchers, wrong_matchers = matchers_of(_at(value, "expect"), project.matchers)
    held, wrong_held = held_matchers(_at(value, "inputs"), project.matchers)
    mistakes += wrong_matchers + wrong_held
    mistakes += endpoint_mistakes(_at(value, "effects"), _named_endpoints(value))
    failure = waived = None
    if scenario:
        failure = failure_matcher(scenario.expect.failure, ("expect", "failure"), mistakes)
        known = scenario.expect_fail.failure if scenario.expect_fail else None
        waived = failure_matcher(known, ("expect_fail", "failure"), mistakes)
    if scenario is None or mistakes:
        return None, mistakes
    expected = outputs if isinstance(scenario.expect.outputs, tuple) else None
    odd = tuple(document.problem(warning) for warning in (*warnings, *flink.warnings))
    return LoadedScenario(
        scenario,
        document,
        file,
        root,
        expected,
        failure,
        waived,
        odd,
        {**matchers, **held},
        combination=combination,
        configuration=flink.configuration,
        flink_options=flink.options,
        flink_options_before=flink.before,
        model_formats=project.model_formats or {},
    ), []


def _relative_paths(value: Any) -> list[DocumentPath]:
    """Return the places of paths that are relative to the file which names them."""
    paths = [path for path, _ in _named_files(value)]
    others: tuple[DocumentPath, ...] = (("config_file",), ("llm", "cassette"), SAVEPOINT)
    return paths + [path for path in others if isinstance(_at(value, *path), str)]


def _checked_options(value: Any) -> tuple[list[Mistake], list[Mistake]]:
    """Return the mistakes and the odd options under ``config`` of both versions."""
    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    for place in _at_both_versions("config"):
        wrong, odd = check_options(_at(value, *place), extra=_at(value, "config_extra") is True, place=place)
        mistakes += wrong
        warnings += odd
    return mistakes, warnings


def _add_mistakes(mistakes: list[Mistake], value: Any, file: Path, project: Project, combination: str) -> None:
    """Add the mistakes of files, of code outside the project, and of words that are no matchers."""
    root = project.real_root
    for path, relative in _named_files(value):
        mistakes += _path_mistakes(path, relative, file, root)
    if isinstance(stored := _at(value, *SAVEPOINT), str) and stored:
        mistakes += _path_mistakes(SAVEPOINT, stored, file, root, savepoint_inside)
    mistakes += _column_mistakes(value, mistakes, file, root)
    mistakes += _evidence_mistakes(value, mistakes, file, root, combination)
    mistakes += _boundary_mistakes(value, mistakes, file, project)
    mistakes += cassette_mistakes(_at(value, "llm"), file, project)
    mistakes += _log_mistakes(value)
    mistakes += scrub_mistakes(_at(value, "scrub"), _at(value, "expect", "outputs"))
    mistakes += effect_mistakes(_at(value, "effects"))


def _column_mistakes(value: Any, known: list[Mistake], file: Path, root: Path) -> Iterator[Mistake]:
    """Yield the keys and values of inputs that are no column of their CSV file.

    Files of packages are checked when they are read: the job environment has them.
    """
    wrong = {mistake.path for mistake in known}
    for path, relative in _named_files(value):
        if path[0] == "inputs" and is_csv(relative) and path not in wrong:
            paths = {word: text for word in ("key", "value") if isinstance(text := _at(value, *path[:2], word), str)}
            data = file_inside(file.parent, relative, root)
            yield from column_mistakes(data, shown(data, root), paths, path[:2])


def _evidence_mistakes(value: Any, known: list[Mistake], file: Path, root: Path, combination: str) -> Iterator[Mistake]:
    """Yield the mistake of a stored run that the scenario cannot be compared with."""
    path: DocumentPath = ("compare", "baseline", "evidence")
    relative = _at(value, *path)
    if isinstance(relative, str) and relative and path not in {mistake.path for mistake in known}:
        stored = file_inside(file.parent, relative, root)
        yield from evidence_mistakes(stored, shown(stored, root), combined_name(_at(value, "name"), combination))


def _boundary_mistakes(value: Any, known: list[Mistake], file: Path, project: Project) -> Iterator[Mistake]:
    """Yield the code, requirements and resources that the scenario may not name.

    ``known`` are its other mistakes.
    """
    wrong = {mistake.path for mistake in known}
    for place in _agents(value):
        agent = _at(value, *place)
        if isinstance(agent, str) and place not in wrong and (mistake := code_mistake(agent, place, project)):
            yield mistake
        for word in ("yaml", "plan"):
            path: DocumentPath = (*place, word)
            if isinstance(name := _at(value, *path), str) and path not in wrong:
                yield from agent_file_mistakes(file.parent / name, path, project)
    yield from resource_mistakes(_at(value, "resources"), project)
    yield from address_mistakes(value)
    for place in _at_both_versions("requirements"):
        if place not in wrong:
            yield from requirement_mistakes(_at(value, *place), file, project, place)


def _output_matchers(value: Any, mistakes: list[Mistake], added: CustomMatchers) -> Iterator[OutputMatcher]:
    """Yield the matchers of all outputs with a key and a value.

    Append their mistakes.
    """
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
        key, wanted = (_matcher(output[word], (*path, word), mistakes, added) for word in ("key", "value"))
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


def failure_matcher(wanted: ExpectedFailure | None, path: DocumentPath, mistakes: list[Mistake]) -> Matcher | None:
    """Return the matcher of a failure's text.

    Append the mistake of a text that names no failure.
    """
    matcher = _matcher(wanted.model_dump(exclude_unset=True), path, mistakes) if wanted else None
    if matcher is not None and matches_every_failure(matcher):
        next_step = "name what only this failure says, such as its message"
        message = f"a text that every failure contains: {path_text(path)}"
        mistakes.append(Mistake("FA209", path, message, "a part of this failure's message", matcher.text, next_step))
    return matcher


def _matcher(
    value: Any, path: DocumentPath, mistakes: list[Mistake], added: CustomMatchers = NO_MATCHERS
) -> Matcher | None:
    try:
        return compile_matcher(value, path, added)
    except MatcherError as error:
        mistakes += error.mistakes
        return None


def _at_both_versions(word: str) -> tuple[DocumentPath, ...]:
    """Return the places of a word of the scenario's own version, and of the one before an upgrade."""
    return ((word,), (*BEFORE, word))


def _agents(value: Any) -> list[DocumentPath]:
    """Return the places of agents whose code is in the project now, and not at another commit."""
    others: tuple[DocumentPath, ...] = (BEFORE, ("compare", "baseline"))
    return [("agent",), *((*other, "agent") for other in others if not _at(value, *other, "git"))]


def _jobs(value: Any) -> list[DocumentPath]:
    """Return the places of jobs whose files are in the project now, and not at another commit."""
    return [("job",), *([] if _at(value, *BEFORE, "git") else [(*BEFORE, "job")])]


def _named_files(value: Any) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the files that a scenario names, by place."""
    inputs = _at(value, "inputs")
    count = len(inputs) if isinstance(inputs, list) else 0
    places: list[DocumentPath] = [
        *((*place, word) for place in _agents(value) for word in ("yaml", "plan", "jar")),
        *((*place, word) for place in _jobs(value) for word in ("python", "jar")),
        *_at_both_versions("requirements"),
        ("compare", "baseline", "evidence"),
    ]
    for path in [*places, *(("inputs", index, "from") for index in range(count))]:
        if isinstance(relative := _at(value, *path), str) and relative:
            yield path, relative


def _named_endpoints(value: Any) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the endpoints that a scenario names, by place."""
    expected, faults = _at(value, "expect", "effects"), _at(value, "faults")
    for name in expected if isinstance(expected, dict) else ():
        yield ("expect", "effects", name), name
    moments: list[DocumentPath] = [("faults", index) for index in range(len(faults) if isinstance(faults, list) else 0)]
    for moment in (*moments, ("upgrade",)):
        path: DocumentPath = (*moment, "after", "effect")
        if isinstance(name := _at(value, *path), str) and name:
            yield path, name


def _path_mistakes(
    path: DocumentPath, relative: str, file: Path, root: Path, inside: Callable[[Path, str, Path], Path] = file_inside
) -> list[Mistake]:
    try:
        inside(file.parent, relative, root)
    except PlaceError as error:
        return [Mistake("FA206", path, error.message, error.expected, error.seen, error.next_step)]
    return []


def _at(value: Any, *path: str | int) -> Any:
    """Return the value at a place of plain data.

    None if there is none.
    """
    for step in path:
        fits = isinstance(value, dict) if isinstance(step, str) else isinstance(value, list)
        if not fits or (isinstance(step, str) and step not in value):
            return None
        value = value[step]
    return value
