"""The first source that has a value for an option: command line, environment, ini file."""

from __future__ import annotations

import dataclasses
import os
import warnings
from typing import TYPE_CHECKING, NamedTuple

import pytest

from pytest_flink_agents.options.declared import Option

if TYPE_CHECKING:
    from flink_testbed.core.problem import HostError


class Given(NamedTuple):
    """A value as the user wrote it, and its place.

    Places are ``--flink-tier=moon``, a variable, or a line of the ini file.
    """

    text: str
    place: str


def given(config: pytest.Config, option: Option, *, early: bool = False) -> Given | None:
    """Return the option's value from the first source that has one, or None.

    ``early`` is set before pytest has parsed the whole command line.
    """
    value = getattr(config.known_args_namespace if early else config.option, option.name, None)
    if value:
        text = ",".join(value) if isinstance(value, list) else str(value)
        return Given(text, option.flag if option.const else f"{option.flag}={text}")
    text = os.environ.get(option.variable, "")
    if text:
        return Given(text, f"{option.variable}={text}")
    text = _ini_text(config, option)
    return Given(text, f"{ini_file(config)}: {option.name} = {text}") if text else None


def ini_file(config: pytest.Config) -> str:
    """Return the name of the file that holds the ini values."""
    return config.inipath.name if config.inipath else "ini"


def refused(
    value: Given, message: str, expected: str, next_step: str = "", *, code: str = "FA421", seen: str = ""
) -> pytest.UsageError:
    """Return the error for an invalid value."""
    from flink_testbed.core.problem import Problem

    problem = Problem(code, message, where=value.place, expected=expected, seen=seen, next_step=next_step)
    return pytest.UsageError(problem.render())


def words_of(value: Given | None) -> tuple[str, ...]:
    """Return the words between commas, each once.

    In an ini file quotes would be a part of the word.
    """
    words = (word.strip().strip("'\"") for word in (value.text if value else "").split(","))
    return tuple(dict.fromkeys(word for word in words if word))


def at_place(value: Given, error: HostError) -> pytest.UsageError:
    """Return an error of the testbed with the place of the value that caused it."""
    problems = (dataclasses.replace(problem, where=value.place) for problem in error.problems)
    return pytest.UsageError("\n".join(problem.render() for problem in problems))


def _ini_text(config: pytest.Config, option: Option) -> str:
    """Return the ini value as text.

    A TOML file may hold a list, a number or a boolean.

    In ``[tool.pytest.ini_options]`` pytest passes a list on, with a warning that it will be an error. In ``[tool.pytest]``
    a value of another type is an error already, but one that does not say what to write.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = config.getini(option.name)
    except (pytest.UsageError, TypeError) as error:
        place = Given("", f"{ini_file(config)}: {option.name}")
        next_step = f'quote it: {option.name} = "VALUE", several values with commas between'
        raise refused(place, "wrong type of value", "a string", next_step, seen=str(error)) from None
    return ",".join(map(str, value)) if isinstance(value, list) else str(value or "")
