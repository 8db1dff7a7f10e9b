"""The hooks that a plugin or a conftest.py may implement."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, get_args

import pytest

if TYPE_CHECKING:
    from _pytest.nodes import Node

    from flink_testbed.models.added_wire import ModelFormat, ModelFormats
    from pytest_flink_agents.checks.custom import CustomCheck
    from pytest_flink_agents.scenario.boundary.project import Project
    from pytest_flink_agents.scenario.matching.custom import CustomMatcher, CustomMatchers
    from pytest_flink_agents.settings import Settings

_NAME = re.compile("[a-z][a-z0-9_]{0,40}")
# The first three name addresses, the others begin the paths of the built-in formats.
_BUILT_IN_FORMATS = frozenset({"ollama", "openai", "anthropic", "api", "v1"})


@pytest.hookspec
def pytest_flink_agents_checks(config: pytest.Config) -> Mapping[str, CustomCheck]:  # type: ignore[empty-body]
    """Return checks of the evidence of every scenario, by name.

    A check takes the :class:`Evidence` of a run and returns what is wrong, one sentence each: an empty
    list if all is as expected, None if the evidence does not suffice to say.
    """


@pytest.hookspec
def pytest_flink_agents_matchers(config: pytest.Config) -> Mapping[str, CustomMatcher]:  # type: ignore[empty-body]
    """Return matcher words for scenarios, by word.

    A matcher takes the value seen and the value that stands behind its word, and returns whether they
    match. In ``{total: {divisible_by: 5}}`` the word is ``divisible_by`` and the second value 5.
    """


@pytest.hookspec
def pytest_flink_agents_model_formats(config: pytest.Config) -> Mapping[str, ModelFormat]:  # type: ignore[empty-body]
    """Return formats that the scripted model speaks beside its own, by name.

    A format is an object with a ``path``, such as ``/generate``, and the functions ``read`` and
    ``write``. ``read`` takes the JSON of a request and returns a mapping with ``messages``, each with
    ``role`` and ``content``, and ``model`` and ``tools`` (names) if the request has them. ``write``
    takes a reply with ``model``, ``text``, ``tool_calls`` and ``usage``, and returns the JSON of the
    response. The address of the format ``plain`` is ``${llm.plain_url}``.
    """


def project_of_node(node: Node, settings: Settings) -> Project:
    """Return the project of a node, with what plugins add to the language of its scenarios.

    Raises ``pytest.UsageError`` like :func:`custom_matchers`.
    """
    from pytest_flink_agents.scenario.boundary.project import Project

    matchers, formats = custom_matchers(node), custom_model_formats(node)
    return dataclasses.replace(Project.of(settings), matchers=matchers, model_formats=formats)


def custom_checks(node: Node) -> Mapping[str, CustomCheck]:
    """Return the checks of all plugins, and of each conftest.py in the node's directory or above it.

    Raises ``pytest.UsageError`` for a plugin's answer that is no such mapping, and for a name that is
    taken.
    """
    from pytest_flink_agents.scenario.expectations import CheckName

    return _answers(node, "checks", "functions of the evidence", callable, frozenset(get_args(CheckName)))


def custom_matchers(node: Node) -> CustomMatchers:
    """Return the matcher words of all plugins, and of each conftest.py in the node's directory or above it.

    Raises ``pytest.UsageError`` like :func:`custom_checks`, and for a word of another form than the
    language's.
    """
    from pytest_flink_agents.scenario.matching.compiler import MATCHER_WORDS

    found = _answers(node, "matchers", "functions of two values", callable, frozenset(MATCHER_WORDS))
    _require_names("matchers", found)
    return found


def custom_model_formats(node: Node) -> ModelFormats:
    """Return the model formats of all plugins, and of each conftest.py in the node's directory or above it.

    Raises ``pytest.UsageError`` like :func:`custom_matchers`.
    """
    found = _answers(node, "model_formats", "objects with path, read and write", _is_format, _BUILT_IN_FORMATS)
    _require_names("model_formats", found)
    return found


def _is_format(value: Any) -> bool:
    path = getattr(value, "path", None)
    functions = (getattr(value, name, None) for name in ("read", "write"))
    return isinstance(path, str) and path.startswith("/") and all(map(callable, functions))


def _require_names(hook: str, names: Iterable[str]) -> None:
    for name in names:
        if not _NAME.fullmatch(name):
            raise _wrong(hook, "a name that cannot be written", "lower-case letters, digits and underscores", name)


def _answers(
    node: Node, hook: str, values: str, is_value: Callable[[Any], bool], taken: frozenset[str]
) -> dict[str, Any]:
    """Return the answers of all plugins to a hook, merged."""
    found: dict[str, Any] = {}
    for answer in getattr(node.ihook, f"pytest_flink_agents_{hook}")(config=node.config):
        if not isinstance(answer, dict) or not all(isinstance(name, str) and is_value(answer[name]) for name in answer):
            raise _wrong(hook, f"its answer is no mapping of {hook}", f"names and {values}", repr(answer))
        for name, value in answer.items():
            if name in found or name in taken:
                raise _wrong(hook, f"the name of one of the {hook} is taken", "a name of its own", name)
            found[name] = value
    return found


def _wrong(hook: str, message: str, expected: str, seen: str) -> pytest.UsageError:
    from flink_testbed.core.problem import Problem

    problem = Problem("FA421", message, f"the hook pytest_flink_agents_{hook}", expected, seen[:200])
    return pytest.UsageError(problem.render())
