"""Processes and ports that outlive the session are reported and fail it."""

from __future__ import annotations

import contextlib

from plugin_project import Project, lines_of, scenario

from flink_testbed.core.directories import cache_root

LEAVES_A_PROCESS = """
import os
from pathlib import Path
from flink_testbed.ownership.process import GuardedProcess

def test_leaves():
    GuardedProcess(["sleep", "60"], name="a long sleep", log=Path("sleep.log").absolute(), env=dict(os.environ), cwd=Path.cwd())
"""
LEAVES_A_DIRECTORY = """
from flink_testbed.ownership.session_record import CLUSTER, own_record
from pytest_flink_agents.current import session_of

def test_leaves(request, tmp_path):
    (tmp_path / "tmp").mkdir()
    own_record(session_of(request.config).services.run_id).note(CLUSTER, str(tmp_path))
"""
LEAVES_A_PORT = """
def test_leaves(llm_server):
    llm_server.stop = lambda: None
"""


def test_a_process_that_was_not_ended_fails_the_session_and_is_killed(project: Project):
    project.write("test_it.py", LEAVES_A_PROCESS)
    result = project.run()
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.re_match_lines(
        [r"FA503: left behind: process \d+ \(a long sleep: sleep 60\), log .*sleep\.log, started by"]
    )


def test_a_leak_makes_the_verdict_inconclusive(project: Project):
    project.write("test_it.py", LEAVES_A_PROCESS)
    project.scenarios("x", scenario("one"))
    result = project.run("--flink-gate")
    assert result.ret == 10
    (reason,) = [reason for reason in project.verdict()["reasons"] if "FA503" in reason["message"]]
    assert "a long sleep" in reason["message"]


def test_scratch_and_listening_ports_are_leaks_too(project: Project):
    """The session's record remains for a sweep."""
    project.write("test_directory.py", LEAVES_A_DIRECTORY)
    project.write("test_port.py", LEAVES_A_PORT)
    before = set((cache_root() / "sessions").glob("*.json"))
    result = project.run()
    assert result.ret == 1
    assert "left behind: directory " in lines_of(result)
    assert "(model server), started by process" in lines_of(result)
    left = []
    for path in set((cache_root() / "sessions").glob("*.json")) - before:
        # Other sessions write their records, and remove them.
        with contextlib.suppress(FileNotFoundError):
            left += [path] if str(project.path) in path.read_text() else []
    assert len(left) == 1
    left[0].unlink()


def test_the_controller_reports_leaks_of_xdist_workers(project: Project):
    project.write("test_directory.py", LEAVES_A_DIRECTORY)
    result = project.run("-n2")
    assert result.ret == 1
    assert "left behind: directory " in lines_of(result)
