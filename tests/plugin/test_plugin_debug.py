"""``breakpoint()`` in an agent opens the terminal of the session."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

import pytest
from plugin_project import Project

AGENT = """
from flink_agents.api.agents.agent import Agent
from flink_agents.api.decorators import action
from flink_agents.api.events.event import Event, InputEvent, OutputEvent
from flink_agents.api.runner_context import RunnerContext


class Stops(Agent):
    @action(InputEvent.EVENT_TYPE)
    @staticmethod
    def stop(event: Event, ctx: RunnerContext) -> None:
        word = InputEvent.from_event(event).input
        breakpoint()
        ctx.send_event(OutputEvent(output=word))
"""
SCENARIO = """\
version: "1"
name: stops
agent: stops:Stops
inputs: [{key: a, value: before}]
expect: {outputs: [{key: a, value: after}]}
"""
# Makes its standard input the terminal of a new session, and becomes pytest.
_LAUNCH = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "pytest", "--flink-tier=local", "--flink-debug"])
"""


def read_until(terminal: int, word: str) -> str:
    written = b""
    while word.encode() not in written:
        assert select.select([terminal], [], [], 120)[0], f"no {word!r} in {written!r}"
        written += os.read(terminal, 4096)
    return written.decode(errors="replace")


@pytest.fixture(autouse=True)
def outside_of_xdist(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions are nobody's workers, also if these tests run in one."""
    for name in [name for name in os.environ if name.startswith("PYTEST_XDIST_")]:
        monkeypatch.delenv(name)


def test_a_value_can_be_changed_at_a_breakpoint(project: Project) -> None:
    project.write("stops.py", AGENT)
    project.scenarios("x", SCENARIO)
    ours, theirs = pty.openpty()
    session = subprocess.Popen(
        [sys.executable, "-c", _LAUNCH],
        cwd=project.path,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    try:
        assert "ctx.send_event" in read_until(ours, "(Pdb) ")
        os.write(ours, b"word = 'after'\ncontinue\n")
        assert "1 passed" in read_until(ours, " passed")
        assert session.wait(60) == 0
    finally:
        session.kill()
        session.wait()
        os.close(ours)


def test_without_a_terminal_it_is_refused(project: Project) -> None:
    project.scenarios("x", SCENARIO)
    refused = subprocess.run(
        [sys.executable, "-m", "pytest", "--flink-debug"],
        cwd=project.path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert refused.returncode == 4
    assert "this session has no terminal" in refused.stderr
