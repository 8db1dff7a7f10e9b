"""The page of the command line: each command of ``flink-agents-gate`` with its own help text."""

from __future__ import annotations

import contextlib
import io
import os
import re
from unittest import mock

from pytest_flink_agents.cli.main import main
from tools.reference.markdown import block, page

# Commands that have commands of their own.
_NESTED = {"plan": ("show", "check")}
_COMMANDS = re.compile(r"\{(?P<commands>[a-z,-]+)\}")


def command_line_page() -> str:
    """Return the page."""
    parts = [
        "`flink-agents-gate` is the command line beside pytest. Its exit code is 0, 1 for a problem in the examined object, "
        "and 2 for wrong usage; that of `judge` and `merge` is the gate's: 0, 1 or 10. `verify` "
        "has 0 for verified, 1 for refused and 10 if there is no answer, `diff` 1 for a difference.",
        block("text", help_of()),
    ]
    for command in commands():
        parts += [f"## {command}", block("text", command_help(command))]
    return page("Command line", *parts)


def commands() -> list[str]:
    """Return the names of all commands."""
    found = _COMMANDS.search(help_of())
    assert found, "the help names its commands in braces"
    return found["commands"].split(",")


def command_help(command: str) -> str:
    """Return the help text of a command, and of the commands below it."""
    return "\n".join([help_of(command), *(help_of(command, each) for each in _NESTED.get(command, ()))])


def help_of(*arguments: str) -> str:
    """Return the help text of the program, or of one command."""
    text = io.StringIO()
    plain = {"COLUMNS": "88", "NO_COLOR": "1"}
    with contextlib.redirect_stdout(text), contextlib.suppress(SystemExit), mock.patch.dict(os.environ, plain):
        main([*arguments, "--help"])
    return text.getvalue()
