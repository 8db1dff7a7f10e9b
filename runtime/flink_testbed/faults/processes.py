"""Faults of the processes of a Flink cluster."""

from __future__ import annotations

from dataclasses import dataclass

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.faults.fault import Fault, FaultTarget
from flink_testbed.faults.job_status import JobStatus
from flink_testbed.flink.processes import JOBMANAGER

_READY_S = 90.0
# A worker of a busy machine takes seconds to start.
_WORKER_S = 20.0


@dataclass(frozen=True, slots=True)
class KillTaskManager(Fault):
    """Kill a TaskManager with its Python workers, and start another one.

    The job notices, restarts, and resumes from its last checkpoint.
    """

    @property
    def name(self) -> str:
        """The fault in the words of a scenario."""
        return "kill taskmanager"

    def inject(self, target: FaultTarget) -> str:
        """Kill the oldest TaskManager that runs a task of the job."""
        # A job that waits for a slot runs nowhere.
        return f"{target.processes.kill_taskmanager(_taskmanager_of(target))} was killed"

    def heal(self, target: FaultTarget) -> None:
        """Start another TaskManager, as a resource manager would."""
        target.processes.add_taskmanager()

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether the job has failed again."""
        return now.last_failure_ms > before.last_failure_ms


@dataclass(frozen=True, slots=True)
class KillJobManager(Fault):
    """Kill the JobManager, and start another one.

    The job survives on a cluster with high availability only.
    """

    @property
    def name(self) -> str:
        """The fault in the words of a scenario."""
        return "kill jobmanager"

    def inject(self, target: FaultTarget) -> str:
        """Kill the JobManager; its successor is launched at once."""
        target.processes.kill_jobmanager()
        return "the JobManager was killed"

    def heal(self, target: FaultTarget) -> None:
        """Wait until the next JobManager answers."""
        target.cluster.wait_ready(_READY_S)

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether another JobManager has initialized the job."""
        return now.process != before.process


@dataclass(frozen=True, slots=True)
class KillPythonWorkers(Fault):
    """Kill the Python workers of the job, while their TaskManagers go on.

    Flink starts other workers with the restart of the job. In thread mode there are none: Python
    runs in the TaskManager.
    """

    @property
    def name(self) -> str:
        """The fault in the words of a scenario."""
        return "kill python_worker"

    def inject(self, target: FaultTarget) -> str:
        """Kill every Python worker, waiting for the first one to start."""
        processes = target.processes

        def probe() -> tuple[int | None, str]:
            return (processes.kill_python_workers() or None), "no Python worker"

        try:
            killed = target.cluster.wait(probe, what="a Python worker to kill", timeout_s=_WORKER_S)
        except WaitTimeoutError:
            raise HostError(
                Problem(
                    "FA440",
                    "the job has no Python worker to kill",
                    expected="a job in process mode",
                    next_step="set python.execution-mode: process in the job, or kill: taskmanager",
                )
            ) from None
        return f"Python workers killed: {killed}"

    def heal(self, target: FaultTarget) -> None:
        """Do nothing: Flink starts other workers."""

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether the job has failed again."""
        return now.last_failure_ms > before.last_failure_ms


@dataclass(frozen=True, slots=True)
class PauseProcess(Fault):
    """Stop a process for a while without ending it.

    It keeps its sockets and answers nothing, like a machine that swaps or a long garbage
    collection. A short pause passes unnoticed; one longer than the heartbeat timeout restarts the
    job.
    """

    process: str
    seconds: float

    @property
    def name(self) -> str:
        """The fault in the words of a scenario."""
        return f"pause {self.process}"

    def inject(self, target: FaultTarget) -> str:
        """Stop the process, wait, and continue it; of TaskManagers the oldest that runs a task of the job.

        Raises :class:`HostError` FA440 if none runs one.
        """
        member = self._member(target)
        target.processes.pause(member)
        try:
            clock.pause(self.seconds)
        finally:
            target.processes.resume(member)
        return f"{member} was stopped for {self.seconds:g} s"

    def heal(self, target: FaultTarget) -> None:
        """Do nothing: the process has continued with the end of the pause."""

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether the job was still there after the pause.

        The stop itself is certain: the kernel reports it, see ``ClusterProcesses.pause``.
        """
        return not now.ended or now.last_failure_ms > before.last_failure_ms

    def _member(self, target: FaultTarget) -> str:
        if self.process == JOBMANAGER:
            return JOBMANAGER
        name = _taskmanager_of(target)
        if not name:
            raise HostError(
                Problem(
                    "FA440",
                    "no TaskManager that could be paused runs a task of the job",
                    seen=", ".join(target.processes.taskmanagers) or "no TaskManager",
                    next_step="pause it when the job runs: after: {checkpoint: 1}",
                )
            )
        return name


def _taskmanager_of(target: FaultTarget) -> str:
    """Return the oldest TaskManager that runs a task of the job, empty if none does."""
    busy = target.cluster.rest.taskmanagers_of(target.job_id)
    return next((name for name in target.processes.taskmanagers if name in busy), "")
