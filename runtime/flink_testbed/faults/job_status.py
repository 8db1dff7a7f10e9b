"""The state of a job, as faults compare it before and after."""

from __future__ import annotations

import math
from dataclasses import dataclass

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import TERMINAL_STATES

_RUNS = frozenset({"RUNNING", "FINISHED"})


@dataclass(frozen=True, slots=True)
class JobStatus:
    """The state of a job at one moment.

    ``last_failure_ms`` is the time of the last exception that ended or restarted it, 0 without one: Flink
    forgets old ones, so that their number stops growing. ``restored`` counts the checkpoints that it
    was restored from; ``runs`` is True while all its tasks run or have
    finished. ``process`` identifies the JobManager that answered: its start, in milliseconds since
    the epoch. ``ended_s`` is the time of the final state in seconds since the epoch, infinite before.
    """

    state: str
    last_failure_ms: int
    restored: int
    runs: bool
    process: int = 0
    failed_checkpoints: int = 0
    ended_s: float = math.inf

    @property
    def ended(self) -> bool:
        """True once the job has reached a final state."""
        return self.state in TERMINAL_STATES

    def in_words(self) -> str:
        """Describe the state in one line."""
        return f"{self.state}, {self.restored} restores, last failure at {self.last_failure_ms} ms"


def read_job_status(cluster: FlinkCluster, job_id: str) -> JobStatus:
    """Read the state of a job over REST.

    Raises ``RestUnavailableError`` while no JobManager answers.
    """
    job = cluster.rest.job(job_id)
    checkpoints = cluster.rest.checkpoint_counts(job_id)
    vertices = {str(vertex["status"]) for vertex in job["vertices"]}
    return JobStatus(
        state=str(job["state"]),
        last_failure_ms=cluster.rest.last_failure_ms(job_id),
        restored=checkpoints["restored"],
        runs=str(job["state"]) == "RUNNING" and vertices <= _RUNS,
        process=int(job["timestamps"].get("INITIALIZING", 0)),
        failed_checkpoints=checkpoints["failed"],
        ended_s=int(job["end-time"]) / 1000 if str(job["state"]) in TERMINAL_STATES else math.inf,
    )
