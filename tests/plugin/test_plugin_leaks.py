"""What outlives the session's end is told, and fails the session."""

from __future__ import annotations

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


def test_a_process_that_was_not_ended_fails_the_session(project: Project):
    """Every test passes, the exit code is 1, and a line says what, with its log, and whose; afterwards it is gone."""
    project.write("test_it.py", LEAVES_A_PROCESS)
    result = project.run()
    result.assert_outcomes(passed=1)
    assert result.ret == 1
    result.stdout.re_match_lines(
        [r"FA503: left behind: process \d+ \(a long sleep: sleep 60\), log .*sleep\.log, started by"]
    )


def test_a_leak_is_no_promotion(project: Project):
    """Under the gate the verdict is inconclusive, and names it."""
    project.write("test_it.py", LEAVES_A_PROCESS)
    project.scenarios("x", scenario("one"))
    result = project.run("--flink-gate")
    assert result.ret == 10
    (reason,) = [reason for reason in project.verdict()["reasons"] if "FA503" in reason["message"]]
    assert "a long sleep" in reason["message"]


def test_scratch_and_ports_are_looked_for_too(project: Project):
    """A cluster's scratch that is still there, and a server of this process that still listens; the record stays for sweep."""
    project.write("test_directory.py", LEAVES_A_DIRECTORY)
    project.write("test_port.py", LEAVES_A_PORT)
    before = set((cache_root() / "sessions").glob("*.json"))
    result = project.run()
    assert result.ret == 1
    assert "left behind: directory " in lines_of(result)
    assert "(model server), started by process" in lines_of(result)
    left = [
        path
        for path in set((cache_root() / "sessions").glob("*.json")) - before
        if str(project.path) in path.read_text()
    ]
    assert len(left) == 1
    left[0].unlink()


def test_with_several_processes_the_first_one_tells(project: Project):
    """What a process of pytest-xdist's leaves comes to the first one, and fails the session."""
    project.write("test_directory.py", LEAVES_A_DIRECTORY)
    result = project.run("-n2")
    assert result.ret == 1
    assert "left behind: directory " in lines_of(result)
