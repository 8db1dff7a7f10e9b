"""Waiting for a condition, with a clock that the test sets."""

from __future__ import annotations

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import WaitTimeoutError


class Machine:
    """A machine whose probes take as long as the test says. ``probed_s`` has the time at which each began."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, probe_s: float, done_s: float) -> None:
        self.now_s, self._probe_s, self._done_s = 0.0, probe_s, done_s
        self.probed_s: list[float] = []
        monkeypatch.setattr(clock, "now_s", lambda: self.now_s)
        monkeypatch.setattr(clock, "pause", self._pass)

    def _pass(self, seconds: float) -> None:
        self.now_s += seconds

    def probe(self) -> tuple[bool | None, str]:
        self.probed_s.append(self.now_s)
        done = self.now_s >= self._done_s
        self._pass(self._probe_s)
        return done or None, f"at {self.probed_s[-1]:g} s"


def test_a_condition_that_holds_in_time_is_seen_after_a_probe_that_ended_late(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, probe_s=9.0, done_s=2.0)
    assert clock.wait_until(machine.probe, what="it", timeout_s=5.0)
    assert machine.probed_s == [0.0, 9.0]


def test_no_probe_follows_the_one_that_began_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, probe_s=0.0, done_s=60.0)
    with pytest.raises(WaitTimeoutError, match=r"waited 5 s for it(?s:.*)at 5 s"):
        clock.wait_until(machine.probe, what="it", timeout_s=5.0, interval_s=2.0)
    assert machine.probed_s == [0.0, 2.0, 4.0, 5.0]


def test_a_wait_of_no_time_probes_once(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch, probe_s=1.0, done_s=60.0)
    with pytest.raises(WaitTimeoutError):
        clock.wait_until(machine.probe, what="it", timeout_s=0.0)
    assert machine.probed_s == [0.0]
