"""Long work on a terminal, which is a pseudo-terminal here, and elsewhere."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Mapping

import pytest
from plugin_project import Project

WAITS = """
import time

import pytest

from pytest_flink_agents.current import session_of


@pytest.fixture
def waits(request):
    session_of(request.config).progress("Flink [2.2]: starting")
    time.sleep(2)


def test_waits(waits):
    print("captured")
"""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(project: Project, environment: Mapping[str, str]) -> str:
    """Run pytest on a pseudo-terminal of 80 columns, and return what it wrote."""
    ours, theirs = pty.openpty()
    inherited = {name: value for name, value in os.environ.items() if name not in ("PY_COLORS", "NO_COLOR")}
    env = {**inherited, "TERM": "xterm-256color", "COLUMNS": "80", **environment}
    command = [sys.executable, "-m", "pytest", "test_waits.py", "-p", "no:cacheprovider"]
    with subprocess.Popen(command, cwd=project.path, env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        while part := _read(ours):
            written += part
        assert process.wait(60) == 0
    os.close(ours)
    return written.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:  # the other end was closed
        return b""


def test_a_line_on_a_terminal_counts_the_seconds_and_stays_with_its_time(project: Project) -> None:
    project.write("test_waits.py", WAITS)
    written = on_terminal(project, {})
    assert re.search(r"0:00:0[1-9]", written)
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h")
    lines = [CONTROL.sub("", line).strip() for line in written.splitlines()]
    (line,) = [line for line in lines if line.startswith("[flink-agents] Flink [2.2]: starting (")]
    # A busy machine adds to the two seconds.
    assert int(line.removesuffix(" s)").rpartition("(")[2]) >= 2
    assert "captured" not in written


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours_gets_plain_lines(environment: dict[str, str], project: Project) -> None:
    project.write("test_waits.py", WAITS)
    written = on_terminal(project, environment)
    assert "\x1b" not in written
    assert "[flink-agents] Flink [2.2]: starting" in [line.strip() for line in written.splitlines()]


def test_without_a_terminal_a_line_is_printed_at_once_and_rich_is_not_loaded(project: Project) -> None:
    project.write("test_waits.py", f"{WAITS}    import sys\n\n    assert 'rich' not in sys.modules\n")
    result = project.run("--color=yes")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["*[[]flink-agents[]] Flink [[]2.2[]]: starting*"])
