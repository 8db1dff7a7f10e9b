"""Faults of the network between a job and what it talks to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.faults.fault import Fault, FaultTarget
from flink_testbed.faults.job_status import JobStatus
from flink_testbed.network import Disturbance, Held

if TYPE_CHECKING:
    from flink_testbed.network import Proxy


@dataclass(frozen=True, slots=True)
class DisturbNetwork(Fault):
    """Disturb the connections through ``proxy`` for ``seconds``; ``words`` are those of a scenario."""

    words: str
    proxy: Proxy
    disturbance: Disturbance
    seconds: float
    # What the injections have held back.
    _held: list[Held] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The fault in the words of a scenario, like ``cut kafka``."""
        return self.words

    def inject(self, target: FaultTarget) -> str:
        """Disturb the network, wait, and heal it.

        Raises :class:`HostError` FA440 if no data came meanwhile.
        """
        self.proxy.disturb(self.disturbance)
        try:
            clock.pause(self.seconds)
        finally:
            held = self.proxy.heal()
        if not held.size:
            raise HostError(
                Problem(
                    "FA440",
                    "the network fault met no data",
                    expected=f"data within {self.seconds:g} s",
                    next_step="let the fault last longer (for: 10s), or begin when the job sends something",
                )
            )
        self._held.append(held)
        directions = " and ".join(sorted(one.value for one in self.disturbance.directions))
        return f"{held.size} bytes of {directions} were held back within {self.seconds:g} s"

    def heal(self, target: FaultTarget) -> None:
        """Let all data pass."""
        self.proxy.heal()

    def felt(self, before: JobStatus, now: JobStatus) -> bool:
        """Return whether data were held back while the job was still there.

        TaskManagers and JobManager talk on after its end: they send heartbeats.
        """
        return any(held.first_s is not None and held.first_s < now.ended_s for held in self._held)
