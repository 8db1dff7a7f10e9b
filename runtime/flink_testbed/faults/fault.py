"""The form of every fault: inject, felt?, heal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flink_testbed.core import clock
from flink_testbed.core.problem import WaitTimeoutError
from flink_testbed.faults.job_status import JobStatus, read_job_status
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.processes import ClusterProcesses

if TYPE_CHECKING:
    from flink_testbed.kafka.service import KafkaService

# Longer than Flink's own default of 50 s until it gives up a silent TaskManager.
_FELT_S = _RECOVERED_S = 90.0
_FINISHED = "FINISHED"


@dataclass(frozen=True, slots=True)
class FaultTarget:
    """The parts around one running job.

    ``kafka`` is the Kafka of its inputs and outputs, None if they do not travel through one.
    """

    cluster: FlinkCluster
    job_id: str
    kafka: KafkaService | None = None

    @property
    def processes(self) -> ClusterProcesses:
        """The processes that may be broken. Raises :class:`HostError` FA440 for an external cluster."""
        return self.cluster.require_processes()


@dataclass(frozen=True, slots=True)
class FaultReport:
    """The effect of one fault on the job.

    ``interrupted`` is True if the fault restarted or ended the job. ``recovered_after_s`` is the time
    from the injection until all tasks ran again, None if they did not, or if the job was never
    interrupted.
    """

    felt: bool
    detail: str
    recovered_after_s: float | None = None
    interrupted: bool = False


class Fault(ABC):
    """One thing that is broken on purpose."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The fault in the words of a scenario, like ``kill taskmanager``."""

    @abstractmethod
    def inject(self, target: FaultTarget) -> str:
        """Break it; return what was broken.

        Raises :class:`HostError` if that is not possible.
        """

    @abstractmethod
    def heal(self, target: FaultTarget) -> None:
        """Bring back what was broken.

        Called after every injection, also after one that raised.
        """

    @abstractmethod
    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether the job was affected, by its state before the injection and now."""

    def strike(self, target: FaultTarget) -> FaultReport:
        """Inject the fault, heal it, and wait until the job has felt it and runs again.

        Takes as long as the job's recovery, at most three minutes.
        """
        before = read_job_status(target.cluster, target.job_id)
        if before.ended:
            return FaultReport(felt=False, detail=f"the job was already {before.state}")
        struck_s = clock.now_s()
        try:
            broken = self.inject(target)
        finally:
            self.heal(target)
        felt = self._wait_until_felt(target, before)
        if felt is None:
            return FaultReport(felt=False, detail=f"{broken}; the job did not notice within {_FELT_S:.0f} s")
        if not self.felt(before, felt):
            return FaultReport(felt=False, detail=f"{broken}; the job was {felt.state} without having noticed")
        uninterrupted = (felt.last_failure_ms, felt.process) == (before.last_failure_ms, before.process)
        if uninterrupted and (felt.runs or felt.state == _FINISHED):
            return FaultReport(felt=True, detail=broken)
        return self._recovery(target, broken, struck_s)

    def _wait_until_felt(self, target: FaultTarget, before: JobStatus) -> JobStatus | None:
        """Return the job's state once it has felt the fault or has ended."""

        def probe() -> tuple[JobStatus | None, str]:
            now = read_job_status(target.cluster, target.job_id)
            return (now if now.ended or self.felt(before, now) else None), now.in_words()

        try:
            return target.cluster.wait(probe, what=f"job {target.job_id} to feel {self.name}", timeout_s=_FELT_S)
        except WaitTimeoutError:
            return None

    def _recovery(self, target: FaultTarget, broken: str, struck_s: float) -> FaultReport:
        def probe() -> tuple[JobStatus | None, str]:
            now = read_job_status(target.cluster, target.job_id)
            return (now if now.ended or now.runs else None), now.in_words()

        try:
            now = target.cluster.wait(probe, what=f"job {target.job_id} to run again", timeout_s=_RECOVERED_S)
        except WaitTimeoutError as error:
            return FaultReport(felt=True, detail=f"{broken}; {error.problems[0].message}", interrupted=True)
        seconds = clock.now_s() - struck_s
        if now.ended and now.state != _FINISHED:
            ended = f"the job ended {now.state.lower()} after {seconds:.1f} s"
            return FaultReport(felt=True, detail=f"{broken}; {ended}", interrupted=True)
        source = "a checkpoint" if now.restored else "the beginning of its input"
        detail = f"{broken}; all tasks ran again after {seconds:.1f} s, from {source}"
        return FaultReport(felt=True, detail=detail, recovered_after_s=seconds, interrupted=True)
