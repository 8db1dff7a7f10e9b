"""One document compiled into a scenario, or into all of its mistakes.

Must never import: pytest, anything that starts a process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_flink_agents.scenario.agent_options import check_options
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, path_text
from pytest_flink_agents.scenario.expectation.effects import endpoint_mistakes
from pytest_flink_agents.scenario.expectation.matchers import matchers_of
from pytest_flink_agents.scenario.flink_options import read_flink_words
from pytest_flink_agents.scenario.held_inputs import held_matchers
from pytest_flink_agents.scenario.loaded import LoadedScenario, OutputMatcher
from pytest_flink_agents.scenario.matching.custom import NO_MATCHERS, CustomMatchers
from pytest_flink_agents.scenario.matching.matcher import Matcher
from pytest_flink_agents.scenario.matching.matchers import MatcherError, compile_matcher, is_plain
from pytest_flink_agents.scenario.matching.vacuous import matches_every_failure
from pytest_flink_agents.scenario.model import Scenario
from pytest_flink_agents.scenario.placeholders import read_placeholders
from pytest_flink_agents.scenario.plain_value import (
    at_both_versions,
    named_endpoints,
    relative_paths,
    value_at,
)
from pytest_flink_agents.scenario.shared_words import relocated
from pytest_flink_agents.scenario.validation import read_mapping
from pytest_flink_agents.scenario.value_mistakes import add_mistakes

if TYPE_CHECKING:
    from collections.abc import Iterator
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
        value = relocated(value, document, file, root, relative_paths(value))
    scenario, wrong = read_mapping(Scenario, document, value)
    mistakes += wrong
    wrong, warnings = _checked_options(value)
    mistakes += wrong
    flink = read_flink_words(document, value, file, project)
    mistakes += flink.mistakes
    # All checks below read the plain value, so that one mistake does not hide the others.
    add_mistakes(mistakes, value, file, project, combination)
    outputs = tuple(_output_matchers(value, mistakes, project.matchers))
    matchers, wrong_matchers = matchers_of(value_at(value, "expect"), project.matchers)
    held, wrong_held = held_matchers(value_at(value, "inputs"), project.matchers)
    mistakes += wrong_matchers + wrong_held
    mistakes += endpoint_mistakes(value_at(value, "effects"), named_endpoints(value))
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


def _checked_options(value: Any) -> tuple[list[Mistake], list[Mistake]]:
    """Return the mistakes and the odd options under ``config`` of both versions."""
    mistakes: list[Mistake] = []
    warnings: list[Mistake] = []
    for place in at_both_versions("config"):
        wrong, odd = check_options(value_at(value, *place), extra=value_at(value, "config_extra") is True, place=place)
        mistakes += wrong
        warnings += odd
    return mistakes, warnings


def _output_matchers(value: Any, mistakes: list[Mistake], added: CustomMatchers) -> Iterator[OutputMatcher]:
    """Yield the matchers of all outputs with a key and a value.

    Append their mistakes.
    """
    per_key = value_at(value, "expect", "order") in (None, "per_key")
    outputs = value_at(value, "expect", "outputs")
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
