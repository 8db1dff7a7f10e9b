"""The savepoint or checkpoint from which a job that is gone can be started again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.core.problem import HarnessError, HostError, Problem
from flink_testbed.flink.rest import TERMINAL_STATES
from pytest_flink_agents.run.subject import AgentRefusedError

if TYPE_CHECKING:
    from flink_testbed.flink.cluster import FlinkCluster

# The states of a job that does not go on.
_ENDS = TERMINAL_STATES | {"FAILING", "CANCELLING"}
# Flink writes this file last: a directory without it is incomplete.
_METADATA = "_metadata"
# The characters of a job's id in the name of a savepoint.
_ID_CHARACTERS = 6


def directory_of(cluster: FlinkCluster) -> Path | None:
    """Return where a cluster keeps savepoints and checkpoints, None for an external one."""
    return None if cluster.processes is None else cluster.directory


def newest_restore_point(directory: Path, job_ids: Sequence[str]) -> str:
    """Return the path of the newest complete savepoint or checkpoint of these jobs, empty without one.

    ``directory`` is that of their cluster. A checkpoint of a job that has ended in order is gone.
    """
    patterns = [f"savepoints/savepoint-{job_id[:_ID_CHARACTERS]}-*/{_METADATA}" for job_id in job_ids]
    patterns += [f"checkpoints/{job_id}/chk-*/{_METADATA}" for job_id in job_ids]
    found = [path for pattern in patterns for path in directory.glob(pattern)]
    return str(max(found, key=lambda path: path.stat().st_mtime_ns).parent) if found else ""


def way_on(directory: Path | None, job_ids: Sequence[str], name: str = "job") -> str:
    """Return from where a job, or the version of that name, can be started again, in words.

    ``directory`` is as of :func:`directory_of`.
    """
    if directory is None:
        return f"savepoints and checkpoints of the {name} are where the external cluster keeps them"
    point = newest_restore_point(directory, job_ids)
    return (
        f"the {name} can be started from {point}" if point else f"no savepoint or checkpoint of the {name} is complete"
    )


def after_refusal(cluster: FlinkCluster, job_id: str, name: str = "job") -> str:
    """Return what has become of a job that Flink did not stop, or of the version of that name, in words."""
    try:
        state = cluster.rest.job_state(job_id)
    except HostError:
        state = "lost"
    if state == "lost" or state in _ENDS:
        return f"the {name} is {state.lower()}; {way_on(directory_of(cluster), [job_id], name)}"
    return f"the {name} was not stopped, and runs on"


@contextmanager
def naming_restore_point(directory: Path | None, job_ids: Sequence[str], name: str = "job") -> Iterator[None]:
    """Add to an error of the block from where the job can be started again; without jobs it stays as it is.

    ``name`` is that of the version that the jobs ran, if there are several.
    """
    try:
        yield
    except AgentRefusedError as error:
        raise AgentRefusedError(_with_way_on(error.problem, directory, job_ids, name), error.version) from error
    except (HostError, HarnessError) as error:
        raise type(error)(*(_with_way_on(each, directory, job_ids, name) for each in error.problems)) from error


def _with_way_on(problem: Problem, directory: Path | None, job_ids: Sequence[str], name: str) -> Problem:
    if not job_ids:
        return problem
    steps = (problem.next_step, way_on(directory, job_ids, name))
    return replace(problem, next_step="; ".join(filter(None, steps)))
