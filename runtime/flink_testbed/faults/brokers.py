"""Faults of the Kafka brokers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.faults.fault import Fault, FaultTarget
from flink_testbed.faults.job_status import JobStatus

if TYPE_CHECKING:
    from flink_testbed.kafka.service import KafkaService


@dataclass(frozen=True, slots=True)
class KillBroker(Fault):
    """Kill a Kafka broker, and start it again on its old data after ``seconds``."""

    seconds: float
    number: int = 0

    @property
    def name(self) -> str:
        """The fault in the words of a scenario."""
        return "kill broker"

    def inject(self, target: FaultTarget) -> str:
        """Kill the broker, and wait."""
        self._kafka(target).kill_broker(self.number)
        clock.pause(self.seconds)
        return f"broker {self.number} was down for {self.seconds:g} s"

    def heal(self, target: FaultTarget) -> None:
        """Start the broker again, and wait until it answers."""
        self._kafka(target).start_broker(self.number)

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether the job was still there when the broker was back.

        Its source and sink talk to that broker all the time, or to one that has taken over.
        """
        return not now.ended or now.last_failure_ms > before.last_failure_ms

    def _kafka(self, target: FaultTarget) -> KafkaService:
        if target.kafka is None:
            raise HostError(
                Problem(
                    "FA440",
                    "the run has no Kafka broker to kill",
                    next_step="send its records through Kafka: expect.delivery.outputs",
                )
            )
        return target.kafka
