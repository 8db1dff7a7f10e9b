"""The rules of a Flink configuration: a parsed document -> findings. Pure.

The facts of how flink-agents 0.3 reads its configuration: only the mapping below ``agent:``, flattened with dots; its
Python and its Java side convert differently, and neither says what it ignores.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flink_agents_runtime.config.catalogue import CATALOGUE, LATER, Kind, Option, is_secret, nearest_key, option_for
from flink_agents_runtime.config.options import OptionError, typed
from flink_testbed.core.problem import nearest
from flink_testbed.flink.options import PARALLELISM, nearest_options, reserved
from pytest_flink_agents.scenario.configuration.finding import ERROR, WARNING, Finding
from pytest_flink_agents.scenario.document import Document, Mark
from pytest_flink_agents.scenario.error import DocumentPath, describe, shorten

SECTION = "agent"
_NEARSECTIONS = ("agents", "flink-agents", "flink_agents", "flinkAgents", "flink.agents", "agent-config")
_BACKEND = "actionStateStoreBackend"
_NEEDED = {"kafka": "kafkaActionStateTopic", "fluss": "flussActionStateTable"}
# Bare words besides true and false that PyYAML reads as booleans.
_YAML_1_1 = frozenset({"yes", "no", "on", "off"})
# Bare numbers of which YAML 1.1 (PyYAML) and YAML 1.2 (Flink's reader) make different values. Seen with flink-agents 0.1.1.
_NUMBERS_OF_TWO_KINDS = (
    (re.compile(r"[-+]?(?!0+[0-7]$)0[\d_]*\d"), "an octal number or a string in Python, and a decimal number in Java"),
    (re.compile(r"[-+]?[1-9][\d_]*(:[0-5]?\d)+(\.[\d_]*)?"), "a number of seconds in Python, and a string in Java"),
    (re.compile(r"[-+]?[1-9]\d*(_\d+)+"), "a number in Python, and a string in Java"),
    (re.compile(r"[-+]?\d+(\.\d*)?e\d+", re.IGNORECASE), "a string in Python, and a number in Java"),
    (re.compile(r"0o[0-7]+"), "a string in Python, and a number in Java"),
)
# The only enumeration that upstream's Python side converts; Java reads the others.
_CONVERTED_IN_PYTHON = "error-handling-strategy"
_MEM0 = tuple(key for key in CATALOGUE if key.startswith("long-term-memory.mem0."))


@dataclass(frozen=True, slots=True)
class SetOption:
    """One option in the document: its dotted key, its place and its value."""

    key: str
    path: DocumentPath
    value: Any


def judge(document: Document) -> list[Finding]:
    """Return all findings of a document, in the order of its lines."""
    found = list(_findings(document))
    return sorted(found, key=lambda finding: (finding.line, finding.column, finding.code))


def empty() -> Finding:
    """Return the finding of an empty file."""
    return Finding(
        "FA483", ERROR, 1, 1, "the file is empty", "at least one key", "nothing", "remove it, or write a key"
    )


def _findings(document: Document) -> Iterator[Finding]:
    root = document.value
    if not isinstance(root, Mapping):
        yield _at(document, "FA483", ERROR, (), "the file is not a mapping", "keys and values", describe(root))
        return
    section = root.get(SECTION)
    if SECTION in root and not isinstance(section, Mapping):
        next_step = f"write options below {SECTION}:, or take it out"
        message = f"{SECTION}: has no mapping below it"
        yield _at(document, "FA483", ERROR, (SECTION,), message, "a mapping", describe(section), next_step)
    options = list(options_in(section, (SECTION,), "")) if isinstance(section, Mapping) else []
    of_flink = flink_options_in(root)
    yield from _outside(document, root)
    yield from _twice(document, options)
    yield from _twice(document, of_flink)
    for option in (*options, *of_flink):
        if option.value is None:
            message = f"{shorten(option.key)} has no value: Flink cannot read the file, and does not start"
            yield _at(document, "FA485", ERROR, option.path, message, next_step="write a value, or remove the line")
    for option in options:
        yield from _one(document, option)
        yield from _of_two_kinds(document, option)
    yield from _of_flink(document, of_flink)
    yield from _together(document, options)


def _outside(document: Document, root: Mapping[str, Any]) -> Iterator[Finding]:
    for name, value in root.items():
        if name == SECTION:
            continue
        if name.startswith(f"{SECTION}."):
            key = name.removeprefix(f"{SECTION}.")
            message = f"{shorten(name)} is ignored: flink-agents reads keys below {SECTION}: only"
            yield _misplaced(document, "FA461", (name,), message, key)
            continue
        if isinstance(value, Mapping) and (name in _NEARSECTIONS or name.lower() == SECTION):
            next_step = f"call it {SECTION}:"
            message = f"the section {shorten(name)}: is ignored: flink-agents reads {SECTION}: only"
            yield _at(document, "FA462", ERROR, (name,), message, next_step=next_step, at_key=True)
            continue
        for option in options_in({name: value}, (), ""):
            near = None if option_for(option.key) else _near_event_log_key(option.key)
            if option_for(option.key) or near:
                message = f"{shorten(option.key)} is ignored: it is outside of {SECTION}:"
                yield _misplaced(document, "FA462", option.path, message, near or option.key)


def _near_event_log_key(key: str) -> str | None:
    """Return the option of the event log that a key resembles.

    No option of Flink itself begins like one.
    """
    return nearest_key(key) if key.lower().startswith(("event-log", "event_log", "eventlog")) else None


def _misplaced(document: Document, code: str, path: DocumentPath, message: str, key: str) -> Finding:
    next_step = f"move it below {SECTION}:, as in {SECTION}: {{{shorten(key)}: ...}}"
    return _at(document, code, ERROR, path, message, next_step=next_step, at_key=True)


def _twice(document: Document, options: list[SetOption]) -> Iterator[Finding]:
    first: dict[str, SetOption] = {}
    for option in options:
        earlier = first.setdefault(option.key, option)
        if earlier is not option:
            line = document.mark(earlier.path, key=True).line
            message = f"{shorten(option.key)} is set already, in line {line}"
            yield _at(document, "FA484", ERROR, option.path, message, next_step="keep one of the two", at_key=True)


def _one(document: Document, option: SetOption) -> Iterator[Finding]:
    declared = option_for(option.key)
    if option.key in LATER or (declared is not None and declared.ours):
        owner = "flink-agents 0.4" if option.key in LATER else "the bundled engine"
        message = f"{option.key} is an option of {owner}: flink-agents 0.3 ignores it"
        yield _at(document, "FA480", WARNING, option.path, message, at_key=True)
    elif declared is None:
        near = nearest_key(option.key)
        if near:
            message = f"{shorten(option.key)} is not an option of flink-agents and is ignored"
            yield _at(document, "FA463", WARNING, option.path, message, next_step=f"did you mean {near}?", at_key=True)
    elif option.value is not None:
        yield from _value(document, option, declared)


def _of_two_kinds(document: Document, option: SetOption) -> Iterator[Finding]:
    """Yield a bare number that the two languages read as different values."""
    raw = document.raw(option.path).strip()
    for pattern, meaning in _NUMBERS_OF_TWO_KINDS:
        if pattern.fullmatch(raw):
            seen = "***" if is_secret(option.key) else shorten(raw)
            message = f"{shorten(option.key)} is {meaning}"
            next_step = "write a plain decimal number, or quote it"
            yield _at(document, "FA487", ERROR, option.path, message, seen=seen, next_step=next_step)
            return


def _of_flink(document: Document, options: Sequence[SetOption]) -> Iterator[Finding]:
    others = [option for option in options if not _is_of_agents(option.key) and not reserved(option.key)]
    near = nearest_options(option.key for option in others)
    for option in options:
        if option.key == PARALLELISM and not _is_positive(option.value):
            message = f"wrong value for {PARALLELISM}"
            yield _at(document, "FA466", ERROR, option.path, message, "an int of at least 1", describe(option.value))
    for option in others:
        if option.key in near:
            message = f"{shorten(option.key)} is not an option of Flink and is ignored"
            next_step = f"did you mean {near[option.key]}?"
            yield _at(document, "FA486", WARNING, option.path, message, next_step=next_step, at_key=True)


def _is_of_agents(key: str) -> bool:
    """Return True for a key that another rule finds in the wrong place."""
    return option_for(key) is not None or key.startswith(f"{SECTION}.") or _near_event_log_key(key) is not None


def _is_positive(value: Any) -> bool:
    """Return True for an int above 0, as an int or as text; for no value, which has a finding of its own, too."""
    return value is None or (not isinstance(value, bool) and str(value).isdecimal() and int(value) > 0)


def _value(document: Document, option: SetOption, declared: Option) -> Iterator[Finding]:
    value, path = option.value, option.path
    bare = document.raw(path).strip().lower() if isinstance(value, str) else ""
    if bare in _YAML_1_1:
        message = f"{option.key}: Python reads the bare word {value} as {'true' if bare in ('yes', 'on') else 'false'}"
        next_step = "write true or false" if declared.kind is Kind.BOOL else f'quote it: "{value}"'
        yield _at(document, "FA481", ERROR, path, message, seen=value, next_step=next_step)
        return
    if option.key == _BACKEND and str(value).lower() not in _NEEDED:
        near = nearest(str(value).lower(), _NEEDED)
        next_step = f"did you mean {near}?" if near else ""
        message = "flink-agents does not know this store and uses none: nothing is durable"
        yield _at(document, "FA467", ERROR, path, message, " or ".join(_NEEDED), describe(value), next_step)
        return
    try:
        meant = typed(option.key, value)
    except OptionError as error:
        seen = "***" if is_secret(option.key) else describe(value)
        next_step = f"did you mean {error.nearest}?" if error.nearest else ""
        yield _at(document, "FA466", ERROR, path, f"wrong value for {option.key}", error.expected, seen, next_step)
        return
    if declared.kind is Kind.BOOL and isinstance(value, str):
        word = str(meant).lower()
        message = f"{option.key} is a string: Python reads any string as true, and Java may refuse it"
        yield _at(document, "FA464", ERROR, path, message, word, describe(value), f"take off the quotes: {word}")
    if declared.kind is Kind.ENUM and option.key != _BACKEND and str(value) != meant:
        severity = ERROR if option.key == _CONVERTED_IN_PYTHON else WARNING
        message = f"{option.key}: Java reads {shorten(str(value))} as {meant}, Python does not"
        yield _at(document, "FA465", severity, path, message, meant, describe(value), f"write {meant}")


def _together(document: Document, options: list[SetOption]) -> Iterator[Finding]:
    """Yield findings about combinations of options."""
    by_key = {option.key: option for option in options if option.value is not None}
    backend = by_key.get(_BACKEND)
    chosen = str(backend.value).lower() if backend else ""
    if backend and chosen in _NEEDED and _NEEDED[chosen] not in by_key:
        needed = _NEEDED[chosen]
        message = f"the {chosen} store needs {needed}: without it the job fails at its start"
        yield _at(document, "FA468", ERROR, backend.path, message, needed, "nothing", f"set {needed} beside it")
    for name, needed in _NEEDED.items():
        if needed in by_key and chosen != name:
            message = f"{needed} has no effect without {_BACKEND}: {name}"
            yield _at(document, "FA468", WARNING, by_key[needed].path, message, at_key=True)
    given = [key for key in _MEM0 if key in by_key]
    if given and len(given) < len(_MEM0):
        missing = ", ".join(key for key in _MEM0 if key not in by_key)
        message = f"long-term memory stays off: {missing} is not set"
        yield _at(document, "FA482", WARNING, by_key[given[0]].path, message, at_key=True)


def flink_options_in(root: Mapping[str, Any]) -> list[SetOption]:
    """Return the options of a file outside of the section for flink-agents."""
    return list(options_in({name: value for name, value in root.items() if name != SECTION}, (), ""))


def options_in(value: Mapping[str, Any], path: DocumentPath, prefix: str) -> Iterator[SetOption]:
    """Yield the options of a mapping, nested ones with dotted keys."""
    for name, inner in value.items():
        key = f"{prefix}.{name}" if prefix else str(name)
        if isinstance(inner, Mapping):
            yield from options_in(inner, (*path, name), key)
        else:
            yield SetOption(key, (*path, name), inner)


def _at(
    document: Document,
    code: str,
    severity: str,
    path: DocumentPath,
    message: str,
    expected: str = "",
    seen: str = "",
    next_step: str = "",
    *,
    at_key: bool = False,
) -> Finding:
    mark: Mark = document.mark(path, key=at_key)
    return Finding(code, severity, mark.line, mark.column, message, expected, seen, next_step)
