"""Placeholders ``${...}`` of a scenario.

Names come from a fixed list. They are checked at load, and replaced when the values are known.
``$${`` stands for a literal ``${``. Nothing is evaluated: a name is known, or it is a mistake.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flink_testbed.core.problem import Problem, nearest
from flink_testbed.ledger.template import REQUEST, is_part
from pytest_flink_agents.scenario.error import NOT_YET, DocumentPath, Mistake, ScenarioError, path_text, shorten
from pytest_flink_agents.scenario.matrix import is_matrix

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

# Only these sections have placeholders: inputs and expectations must not depend on the run.
SECTIONS = ("resources", "config", "environment", "job")
# The job of the version before an upgrade.
_JOB_BEFORE: DocumentPath = ("upgrade", "from", "job")
# And these words of a section without any: the address and the key of a model's service.
_ENDPOINT = ("llm", "endpoint")
NAMES = ("llm.ollama_url", "llm.openai_url", "llm.anthropic_url")
# Where a team's own job reads its inputs and writes its outputs: files, or topics with their
# connection.
CONNECTOR = "kafka.connector"
KAFKA_NAMES = ("input.topic", "output.topic", "kafka.bootstrap", CONNECTOR)
JOB_NAMES = ("input.path", "output.path", *KAFKA_NAMES)
# In the template of generated inputs only.
TEMPLATE_NAMES = ("input.number", "input.key", "input.random")
_NOT_YET = ("input.", "output.")
_MATRIX = "matrix."
_ENVIRONMENT = "env."
_EFFECTS = "effects."
# Replies of endpoints repeat parts of their request, which the ledger fills in.
_REPLIES = "effects"
_REPLY_NAMES = ("request.json.NAME", "request.path.NAME", "request.query.NAME", "request.sequence")
_FORMAT_ADDRESS = re.compile(r"llm\.[a-z][a-z0-9_]*_url")
_PLACEHOLDER = re.compile(r"\$(\$\{|\{([^{}]*)\}|\{)")
# A placeholder without its braces or without its dollar sign, which an agent would use literally as
# an address. Prompts of agents have placeholders in braces, too, so {input.x} is not among them.
_ALMOST = re.compile(
    r"(?<!\$)\$[(\[]?(?P<bare>(?:llm|effects|input|output|matrix|kafka|env)\.\w+)"
    r"|(?<![$\w{])\{(?P<braced>(?:llm|effects|matrix|kafka|env)\.\w+)\}"
)


def format_placeholder(name: str) -> str:
    """Return the placeholder of the address of a model format."""
    return f"llm.{name}_url"


def read_placeholders(
    value: Any, allowed_env: Iterable[str], formats: Iterable[str] | None = ()
) -> tuple[Any, list[Mistake]]:
    """Return a document's value for the model, and its mistakes in placeholders.

    ``$${`` becomes ``${`` in sections without placeholders; the others stay unchanged, for
    :func:`substitute`. ``allowed_env`` are the names that ``${env.NAME}`` may use, ``formats`` those of
    model formats that plugins add, None if they are not known: each may be one then.
    """
    texts = list(_texts(value, ()))
    matrix = value.get("matrix") if isinstance(value, dict) else None
    names = [_MATRIX + name for name in matrix] if is_matrix(matrix) else []
    known = [
        *NAMES,
        *(_format_addresses(texts) if formats is None else map(format_placeholder, formats)),
        *_endpoint_urls(value),
        *(_ENVIRONMENT + name for name in allowed_env),
        *names,
    ]
    found = [(path, one) for path, text in texts for one in _PLACEHOLDER.finditer(text) if one[1] != "${"]
    malformed = matrix is not None and not names
    if malformed:
        # The form of the matrix is the mistake, not the uses of its values.
        found = [(path, one) for path, one in found if not (one[2] or "").startswith(_MATRIX)]
    mistakes = [mistake for path, one in found if (mistake := _mistake(one[2], path, known))]
    mistakes += [
        _almost(one, path, known)
        for path, text in texts
        if _in_section(path) or _in_template(path)
        for one in _ALMOST.finditer(text)
    ]
    if mistakes or malformed or not isinstance(value, dict):
        return value, mistakes
    kept = (*SECTIONS, _REPLIES)
    return {key: item if key in kept else _unescaped(key, item) for key, item in value.items()}, []


def _format_addresses(texts: Iterable[tuple[DocumentPath, str]]) -> list[str]:
    """Return the placeholders in texts that are the address of some model format."""
    return sorted(filter(_FORMAT_ADDRESS.fullmatch, names_in(text for _, text in texts)))


def _unescaped(section: str, value: Any) -> Any:
    """Return a section without placeholders as the model reads it.

    The templates of generated inputs stay unchanged: their placeholders differ from input to input.
    """
    if section == "inputs" and isinstance(value, list):
        return [one if isinstance(one, dict) and "generate" in one else substitute(one, {}) for one in value]
    if section == _ENDPOINT[0] and isinstance(value, dict):
        return {word: one if word == _ENDPOINT[1] else substitute(one, {}) for word, one in value.items()}
    if section == _JOB_BEFORE[0] and isinstance(value, dict) and isinstance(before := value.get(_JOB_BEFORE[1]), dict):
        before = {word: one if word == _JOB_BEFORE[2] else substitute(one, {}) for word, one in before.items()}
        return {word: before if word == _JOB_BEFORE[1] else substitute(one, {}) for word, one in value.items()}
    return substitute(value, {})


def _is_replaced(path: DocumentPath, name: str) -> bool:
    """Return whether a placeholder that exists is replaced at a place."""
    return _in_section(path) or _in_template(path) or (path[:2] == _ENDPOINT and name.startswith(_ENVIRONMENT))


def _in_section(path: DocumentPath) -> bool:
    return path[0] in SECTIONS or path[:3] == _JOB_BEFORE


def _in_template(path: DocumentPath) -> bool:
    return path[0] == "inputs" and path[2:4] == ("generate", "value")


def _known_at(path: DocumentPath, known: list[str]) -> list[str]:
    """Return the names at a place; ``known`` are those of every section with placeholders."""
    if _in_template(path):
        return list(TEMPLATE_NAMES)
    return [*known, *JOB_NAMES] if path[0] == "job" or path[:3] == _JOB_BEFORE else known


def _endpoint_urls(value: Any) -> list[str]:
    """Return the placeholders of the endpoints that a document declares."""
    effects = value.get(_REPLIES) if isinstance(value, dict) else None
    names = [one.get("name") for one in effects if isinstance(one, dict)] if isinstance(effects, list) else []
    return [f"{_EFFECTS}{name}.url" for name in dict.fromkeys(names) if isinstance(name, str)]


def names_in(texts: Iterable[str]) -> set[str]:
    """Return the names of all placeholders in texts."""
    return {one[2] for text in texts for one in _PLACEHOLDER.finditer(text) if one[2] is not None}


def substitute(value: Any, mapping: Mapping[str, str]) -> Any:
    """Return a copy of a value with its placeholders replaced.

    Every ``${name}`` becomes ``mapping[name]``, and every ``$${`` a ``${``. Strings in mappings,
    their keys, and lists are replaced. ``mapping`` is like ``{"llm.ollama_url": ..., "env.REGION":
    ...}``. Raises :class:`ScenarioError` for a name without a value.
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


def _texts(value: Any, path: DocumentPath) -> Iterator[tuple[DocumentPath, str]]:
    """Yield the strings and keys below a value that may contain placeholders."""
    if isinstance(value, str):
        if path and ("$" in value or "{" in value):
            yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            if "$" in key:
                yield (*path, key), key
            yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))


def _mistake(name: str | None, path: DocumentPath, known: list[str]) -> Mistake | None:
    where = path_text(path)
    escape = "write $${ for a literal ${"
    if name is None:
        return Mistake("FA210", path, f"a placeholder without its end in {where}", "${NAME}", next_step=escape)
    seen = f"${{{shorten(name)}}}"
    if name in known and name.startswith(_MATRIX):
        expected = "matrix values in values, not in keys, name, version and matrix itself"
        return Mistake("FA210", path, f"the placeholder {seen} is not replaced here", expected, where, escape)
    if path[0] == _REPLIES:
        if is_part(name.removeprefix(REQUEST)) and name.startswith(REQUEST):
            return None
        message = f"a placeholder that no reply has, in {where}"
        near = nearest(name, _REPLY_NAMES)
        next_step = f"did you mean ${{{near}}}? Otherwise {escape}" if near else escape
        return Mistake("FA210", path, message, f"one of {', '.join(_REPLY_NAMES)}", seen, next_step)
    known = _known_at(path, known)
    if name in known:
        if _is_replaced(path, name):
            return None
        message = f"the placeholder {seen} is not replaced here"
        return Mistake("FA210", path, message, f"placeholders only in {', '.join(SECTIONS)}", where, escape)
    if name.startswith(_NOT_YET) and not _in_template(path):
        message = f"{seen} is {NOT_YET}"
        return Mistake("FA205", path, message, f"one of {', '.join(known)}", seen, escape)
    if name.startswith(_EFFECTS) and not any(one.startswith(_EFFECTS) for one in known):
        next_step = "declare the endpoint under effects: {name, route, reply}"
    elif name.startswith(_ENVIRONMENT) and not _in_template(path):
        next_step = "add the variable's name to flink_scenario_env in the ini file"
    else:
        near = nearest(name, known)
        next_step = f"did you mean ${{{near}}}? Otherwise {escape}" if near else escape
    return Mistake("FA210", path, f"unknown placeholder in {where}", f"one of {', '.join(known)}", seen, next_step)


def _almost(found: re.Match[str], path: DocumentPath, known: list[str]) -> Mistake:
    name = found["bare"] or found["braced"]
    near = nearest(name, _known_at(path, known))
    message = f"a placeholder without braces in {path_text(path)}" if found["bare"] else ""
    message = message or f"a placeholder without a dollar sign in {path_text(path)}"
    next_step = f"write ${{{near or name}}}"
    return Mistake("FA210", path, message, "${NAME}", shorten(found[0]), next_step)
