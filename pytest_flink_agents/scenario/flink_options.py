"""The words ``config_file`` and ``flink_config`` of a scenario.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_agents_runtime.config.catalogue import option_for
from flink_testbed.flink.options import PARALLELISM, is_known, nearest_options, reserved
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside, shown
from pytest_flink_agents.scenario.configuration.content import Placed, TeamConfiguration, flink_text, read_configuration
from pytest_flink_agents.scenario.configuration.rules import SECTION, SetOption, options_in
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError, describe, shorten

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.boundary.project import Project
    from pytest_flink_agents.scenario.configuration.finding import Finding
    from pytest_flink_agents.scenario.document import Document

FILE, OPTIONS = "config_file", "flink_config"
# The place of the version before an upgrade.
BEFORE: DocumentPath = ("upgrade", "from")
SAVEPOINT: DocumentPath = (*BEFORE, "savepoint")
PARALLELISM_WORD = "parallelism"
# A larger parallelism makes a cluster that this machine cannot hold.
MAX_PARALLELISM = 16


@dataclass(frozen=True, slots=True)
class FlinkWords:
    """The configuration file and the Flink options of one scenario, with their mistakes.

    ``before`` are the options of the version before an upgrade.
    """

    configuration: TeamConfiguration | None
    options: Mapping[str, Placed]
    mistakes: tuple[Mistake, ...]
    warnings: tuple[Mistake, ...]
    before: Mapping[str, Placed] = field(default_factory=dict)


def read_flink_words(document: Document, value: Any, file: Path, project: Project) -> FlinkWords:
    """Return what a document says about the configuration of Flink.

    A scenario without ``config_file`` gets the session's file, if there is one.
    """
    words = value if isinstance(value, Mapping) else {}
    content, mistakes, warnings = _named(words.get(FILE), file, project)
    extra = words.get("config_extra") is True
    placed, wrong = _placed(document, _options(words, ()), extra=extra)
    before, wrong_before = _placed(document, _before(words), extra=extra)
    return FlinkWords(content, placed, (*mistakes, *wrong, *wrong_before), tuple(warnings), before)


def _options(words: Any, path: DocumentPath) -> list[SetOption]:
    """Return the options of a version whose words are at a place."""
    options = words.get(OPTIONS) if isinstance(words, Mapping) else None
    return list(options_in(options, (*path, OPTIONS), "")) if isinstance(options, Mapping) else []


def _before(words: Any) -> list[SetOption]:
    """Return the options of the version before an upgrade; its parallelism is a word of its own, too."""
    for word in BEFORE:
        words = words.get(word) if isinstance(words, Mapping) else None
    options = _options(words, BEFORE)
    given = words.get(PARALLELISM_WORD) if isinstance(words, Mapping) else None
    # The model reports another type.
    return [SetOption(PARALLELISM, (*BEFORE, PARALLELISM_WORD), given), *options] if type(given) is int else options


def _placed(document: Document, found: list[SetOption], *, extra: bool) -> tuple[dict[str, Placed], list[Mistake]]:
    """Return options with their places, and their mistakes."""
    placed = {option.key: Placed(flink_text(option.value), document.place(option.path)) for option in found}
    return placed, list(_mistakes(found, extra=extra))


def flink_words_of_test(
    config_file: str | Path | None, options: Mapping[str, Any], project: Project
) -> tuple[TeamConfiguration | None, Mapping[str, Placed]]:
    """Return the configuration and the options of Flink that a Python test asks for.

    The file is relative to the project's root. Raises :class:`ScenarioError` with all mistakes.
    """
    named = str(config_file) if config_file is not None else None
    content, mistakes, _ = _named(named, project.root / "test", project)
    found = list(options_in(options, (OPTIONS,), ""))
    mistakes += _mistakes(found, extra=False)
    if mistakes:
        raise ScenarioError(*(mistake.problem for mistake in mistakes))
    return content, {option.key: Placed(flink_text(option.value), "the test") for option in found}


def session_configuration(project: Project) -> TeamConfiguration | None:
    """Return the configuration of scenarios that name none, if there is a file that can be used."""
    return _named(None, project.root, project)[0]


def _named(
    relative: Any, file: Path, project: Project
) -> tuple[TeamConfiguration | None, list[Mistake], list[Mistake]]:
    """Return the content of the named file, or of the session's, with errors and warnings."""
    root = project.real_root
    if not isinstance(relative, str) or not relative:
        if project.configuration is None:
            return None, [], []
        named = project.configuration
    else:
        try:
            named = file_inside(file.parent, relative, root)
        except PlaceError as error:
            return None, [Mistake("FA206", (FILE,), error.message, error.expected, error.seen, error.next_step)], []
    name = shown(named, root)
    read = read_configuration(named, name)
    errors = [_in_file(name, finding) for finding in read.findings if finding in read.errors]
    warnings = [_in_file(name, finding) for finding in read.findings if finding not in read.errors]
    return read.content, errors, warnings


def _in_file(name: str, finding: Finding) -> Mistake:
    """Return a finding in a configuration file as a mistake of the scenario that names the file."""
    message = f"{name}:{finding.line}:{finding.column}: {finding.message}"
    return Mistake(finding.code, (FILE,), message, finding.expected, finding.seen, finding.next_step)


def _mistakes(options: list[SetOption], *, extra: bool) -> Iterator[Mistake]:
    first: dict[str, DocumentPath] = {}
    near = {} if extra else nearest_options(option.key for option in options if not reserved(option.key))
    for option in options:
        earlier = first.setdefault(option.key, option.path)
        if earlier is not option.path:
            message = f'"{shorten(option.key)}" is set twice'
            yield Mistake("FA203", option.path, message, next_step="keep one of the two", at_key=True)
        elif mistake := _key_mistake(option, near, extra=extra) or _value_mistake(option):
            yield mistake


def _key_mistake(option: SetOption, near: Mapping[str, str], *, extra: bool) -> Mistake | None:
    key = shorten(option.key)
    agents_own = option.key.removeprefix(f"{SECTION}.")
    if option_for(agents_own) is not None:
        next_step = f"write it under config, as in config: {{{shorten(agents_own)}: ...}}"
        return Mistake("FA213", option.path, f'"{key}" is an option of flink-agents', next_step=next_step, at_key=True)
    if reason := reserved(option.key):
        message = f'"{key}" is set by each run: {reason}'
        return Mistake("FA203", option.path, message, "nothing", next_step="remove it", at_key=True)
    if extra or is_known(option.key):
        return None
    or_extra = "set config_extra: true if a plugin or a newer Flink reads it"
    next_step = f'did you mean "{near[option.key]}"? Otherwise {or_extra}' if option.key in near else or_extra
    return Mistake("FA213", option.path, f'"{key}" is not an option of Flink', next_step=next_step, at_key=True)


def _value_mistake(option: SetOption) -> Mistake | None:
    value = option.value
    message = f"wrong value for {OPTIONS}: {shorten(option.key)}"
    if value is None or (isinstance(value, list) and not all(isinstance(each, (str, int, float)) for each in value)):
        return Mistake("FA203", option.path, message, "a string, number, boolean, or a list of them", describe(value))
    if option.key == PARALLELISM and not (
        isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_PARALLELISM
    ):
        expected = f"an int from 1 to {MAX_PARALLELISM}"
        return Mistake("FA203", option.path, message, expected, describe(value))
    return None
