"""Faults of the network are felt if they held data back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError
from flink_testbed.faults import DisturbNetwork, FaultTarget
from flink_testbed.faults.job_status import JobStatus
from flink_testbed.network import Cut, Direction, Disturbance, Held, Proxy

RUNNING = JobStatus("RUNNING", last_failure_ms=0, restored=0, runs=True)


class Wire:
    """A proxy through which ``held`` bytes come while it is disturbed, the first ones a second after 1970."""

    def __init__(self, held: int) -> None:
        self.done: list[object] = []
        self._held = held

    def disturb(self, disturbance: Disturbance) -> None:
        self.done.append(disturbance)

    def heal(self) -> Held:
        self.done.append("heal")
        return Held(self._held, 1.0 if self._held else None)


def fault_of(wire: Wire, disturbance: Disturbance) -> DisturbNetwork:
    return DisturbNetwork("cut kafka", cast(Proxy, wire), disturbance, 3)


def inject(fault: DisturbNetwork) -> str:
    assert fault.name == "cut kafka"
    return fault.inject(FaultTarget(cast(Any, None), "job"))


def cut(wire: Wire, disturbance: Disturbance) -> str:
    return inject(fault_of(wire, disturbance))


def test_a_cut_says_what_it_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    wire, one_way = Wire(120), Cut(frozenset({Direction.ANSWERS}))
    monkeypatch.setattr(clock, "pause", wire.done.append)
    assert cut(wire, Cut()) == "120 bytes of answers and requests were held back within 3 s"
    assert wire.done == [Cut(), 3, "heal"]
    assert cut(wire, one_way) == "120 bytes of answers were held back within 3 s"


def test_data_that_were_held_back_after_the_end_of_the_job_are_not_felt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as heartbeats of a TaskManager."""
    monkeypatch.setattr(clock, "pause", lambda seconds: None)
    fault = fault_of(Wire(120), Cut())
    assert not fault.felt(RUNNING, RUNNING), "nothing was held back yet"
    inject(fault)
    assert fault.felt(RUNNING, RUNNING)
    finished = replace(RUNNING, state="FINISHED", runs=False)
    assert fault.felt(RUNNING, replace(finished, ended_s=1.5))
    assert not fault.felt(RUNNING, replace(finished, ended_s=0.5))


def test_a_cut_that_met_no_data_is_refused_and_healed(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire(0)
    monkeypatch.setattr(clock, "pause", wire.done.append)
    with pytest.raises(HostError, match="met no data"):
        cut(wire, Cut())
    assert wire.done[-1] == "heal"


def test_an_interrupted_cut_is_healed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    wire = Wire(1)
    monkeypatch.setattr(clock, "pause", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cut(wire, Cut())
    assert wire.done == [Cut(), "heal"]
