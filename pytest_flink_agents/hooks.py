"""The hooks that a plugin or a conftest.py may implement."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_flink_agents.checks.custom import CustomCheck


@pytest.hookspec
def pytest_flink_agents_checks(config: pytest.Config) -> Mapping[str, CustomCheck]:  # type: ignore[empty-body]
    """Return checks of the evidence of every scenario, by name.

    A check takes the :class:`Evidence` of a run and returns what is wrong, one sentence each: an empty
    list if all is as expected, None if the evidence does not suffice to say.
    """


def custom_checks(node: pytest.Collector) -> Mapping[str, CustomCheck]:
    """Return the checks of all plugins, and of each conftest.py in the node's directory or above it.

    Raises ``pytest.UsageError`` for a plugin's answer that is no such mapping, and for a name that is
    taken.
    """
    from pytest_flink_agents.scenario.expectations import CheckName

    found: dict[str, CustomCheck] = {}
    for answer in node.ihook.pytest_flink_agents_checks(config=node.config):
        if not isinstance(answer, dict) or not all(isinstance(name, str) and callable(answer[name]) for name in answer):
            raise _wrong("its answer is no mapping of checks", "names and functions of the evidence", repr(answer))
        for name, check in answer.items():
            if name in found or name in get_args(CheckName):
                raise _wrong("the name of a check is taken", "a name of its own", name)
            found[name] = check
    return found


def _wrong(message: str, expected: str, seen: str) -> pytest.UsageError:
    from flink_testbed.core.problem import Problem

    problem = Problem("FA421", message, "the hook pytest_flink_agents_checks", expected, seen[:200])
    return pytest.UsageError(problem.render())
