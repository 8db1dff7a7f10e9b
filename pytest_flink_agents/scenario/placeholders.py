"""``${...}`` in a scenario: a fixed list of names, checked at load, filled in when the values are known.

``$${`` stands for a plain ``${``. Nothing is evaluated: a name is known or it is a mistake.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flink_testbed.core.problem import Problem, nearest
from pytest_flink_agents.scenario.error import NOT_YET, DocumentPath, Mistake, ScenarioError, path_text, shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# Only these sections are filled in: what is expected and what goes in must not depend on the run.
SECTIONS = ("resources", "config", "job")
NAMES = ("llm.ollama_url", "llm.openai_url", "llm.anthropic_url")
# Where a job of the team's own finds its inputs and leaves its outputs: files, or topics and how to get there.
KAFKA_NAMES = ("input.topic", "output.topic", "kafka.bootstrap", "kafka.connector")
JOB_NAMES = ("input.path", "output.path", *KAFKA_NAMES)
_NOT_YET = ("effects.", "input.", "output.", "matrix.", "llm.anthropic_url")
_ENVIRONMENT = "env."
_PLACEHOLDER = re.compile(r"\$(\$\{|\{([^{}]*)\}|\{)")


def read_placeholders(value: Any, allowed_env: Iterable[str]) -> tuple[Any, list[Mistake]]:
    """Return a document's value as the model is to read it, and its unknown or misplaced placeholders.

    Where nothing will be filled in, ``$${`` becomes ``${``. The sections that are filled in later stay as they are, for
    :func:`substitute`. ``allowed_env`` are the names that ``${env.NAME}`` may use.
    """
    texts: list[tuple[DocumentPath, str]] = []
    _find_texts(value, (), texts)
    if not texts:
        return value, []
    known = [*NAMES, *(_ENVIRONMENT + name for name in allowed_env)]
    found = [(path, one) for path, text in texts for one in _PLACEHOLDER.finditer(text) if one[1] != "${"]
    mistakes = [mistake for path, one in found if (mistake := _mistake(one[2], path, known))]
    if mistakes or not isinstance(value, dict):
        return value, mistakes
    return {key: item if key in SECTIONS else substitute(item, {}) for key, item in value.items()}, []


def names_in(texts: Iterable[str]) -> set[str]:
    """Return the names of all placeholders in texts."""
    return {one[2] for text in texts for one in _PLACEHOLDER.finditer(text) if one[2] is not None}


def substitute(value: Any, mapping: Mapping[str, str]) -> Any:
    """Return the value with every ``${name}`` in its texts replaced by ``mapping[name]`` and every ``$${`` by ``${``.

    Goes through mappings, their keys too, and lists, and builds new ones. ``mapping`` is like ``{"llm.ollama_url": ...,
    "env.REGION": ...}``. Raises :class:`ScenarioError` for a name without a value.
    """
    if isinstance(value, str):
        return _PLACEHOLDER.sub(_filler(mapping), value) if "${" in value else value
    if isinstance(value, dict):
        return {substitute(key, mapping): substitute(item, mapping) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute(item, mapping) for item in value]
    return value


def _filler(mapping: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    def fill(found: re.Match[str]) -> str:
        if found[1] == "${":
            return "${"
        if found[2] in mapping:
            return mapping[found[2]]
        expected = f"one of {', '.join(mapping) or 'none'}"
        name = shorten(found[0])
        raise ScenarioError(
            Problem("FA210", f"the placeholder {name} has no value in this run", expected=expected, seen=name)
        )

    return fill


def _find_texts(value: Any, path: DocumentPath, found: list[tuple[DocumentPath, str]]) -> None:
    """Collect the texts below a value in which a placeholder could be, keys too."""
    if isinstance(value, str):
        if "${" in value:
            found.append((path, value))
    elif isinstance(value, dict):
        for key, item in value.items():
            if "${" in key:
                found.append(((*path, key), key))
            _find_texts(item, (*path, key), found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _find_texts(item, (*path, index), found)


def _mistake(name: str | None, path: DocumentPath, known: list[str]) -> Mistake | None:
    where = path_text(path)
    escape = "write $${ for a plain ${"
    if name is None:
        return Mistake("FA210", path, f"a placeholder without its end in {where}", "${NAME}", next_step=escape)
    seen = f"${{{shorten(name)}}}"
    if path and path[0] == "job":
        known = [*known, *JOB_NAMES]
    if name in known:
        if path and path[0] in SECTIONS:
            return None
        message = f"the placeholder {seen} is not filled in here"
        return Mistake("FA210", path, message, f"placeholders only in {', '.join(SECTIONS)}", where, escape)
    if name.startswith(_NOT_YET):
        message = f"{seen} is {NOT_YET}"
        return Mistake("FA205", path, message, f"one of {', '.join(known)}", seen, escape)
    if name.startswith(_ENVIRONMENT):
        next_step = "allow the variable's name in the ini file, and name it there only"
    else:
        near = nearest(name, known)
        next_step = f"did you mean ${{{near}}}? Else {escape}" if near else escape
    return Mistake("FA210", path, f"unknown placeholder in {where}", f"one of {', '.join(known)}", seen, next_step)
