"""The savepoint or checkpoint from which a job that is gone can be started again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.run.restore_point import naming_restore_point, newest_restore_point, way_on
from pytest_flink_agents.run.subject import AgentRefusedError

JOB = "0a1b2c" + "0" * 26


def stored(directory: Path, place: str, at_s: int, *, complete: bool = True) -> str:
    point = directory / place
    point.mkdir(parents=True)
    if complete:
        (point / "_metadata").write_bytes(b"x")
        os.utime(point / "_metadata", (at_s, at_s))
    return str(point)


def test_the_newest_complete_savepoint_or_checkpoint_of_the_job_is_named(tmp_path: Path) -> None:
    assert way_on(tmp_path, [JOB]) == "no savepoint or checkpoint of the job is complete"
    assert "where the external cluster keeps them" in way_on(None, [JOB])
    checkpoint = stored(tmp_path, f"checkpoints/{JOB}/chk-7", 100)
    stored(tmp_path, f"checkpoints/{JOB}/chk-8", 300, complete=False)
    stored(tmp_path, f"checkpoints/{'f' * 32}/chk-9", 400)
    assert newest_restore_point(tmp_path, [JOB]) == checkpoint
    savepoint = stored(tmp_path, "savepoints/savepoint-0a1b2c-123456", 200)
    assert way_on(tmp_path, [JOB]) == f"the job can be started from {savepoint}"


@pytest.mark.parametrize("kind", [HostError, AgentRefusedError])
def test_an_error_names_it_beside_its_own_next_step(kind: type[Exception], tmp_path: Path) -> None:
    point = stored(tmp_path, "savepoints/savepoint-0a1b2c-123456", 200)
    said = f"next: +look at the log; the job can be started from {point}"
    with pytest.raises(kind, match=said), naming_restore_point(tmp_path, [JOB]):
        raise kind(Problem("FA454", "a process died", next_step="look at the log"))


def test_an_error_of_a_single_job_stays_as_it_is(tmp_path: Path) -> None:
    problem = Problem("FA454", "a process died")
    with pytest.raises(HostError) as caught, naming_restore_point(tmp_path, []):
        raise HostError(problem)
    assert caught.value.problems == (problem,)
