"""Guards without an owner, some of which are about to end by themselves."""

from __future__ import annotations

import pytest

from flink_testbed.core import clock
from flink_testbed.ownership import leftovers
from flink_testbed.ownership.leftovers import OwnerlessGuard, ownerless_guards


@pytest.fixture
def ends_s(monkeypatch: pytest.MonkeyPatch) -> dict[int, float]:
    """The time at which each guard ends, by process id; the clock is the test's."""
    ends: dict[int, float] = {}
    passed = [0.0]
    monkeypatch.setattr(clock, "now_s", lambda: passed[0])
    monkeypatch.setattr(clock, "pause", lambda seconds: passed.append(passed.pop() + seconds))
    living = lambda: {OwnerlessGuard(pid, "java") for pid, end_s in ends.items() if passed[0] < end_s}  # noqa: E731
    monkeypatch.setattr(leftovers, "_ownerless", living)
    return ends


def test_a_guard_that_ends_by_itself_within_seconds_is_no_leftover(ends_s: dict[int, float]) -> None:
    ends_s |= {7: 0.3, 8: 3.5}
    assert ownerless_guards() == ()
    assert clock.now_s() <= 3.75


def test_a_guard_that_stays_is_a_leftover(ends_s: dict[int, float]) -> None:
    ends_s |= {7: 0.3, 9: 1000.0, 8: 1000.0}
    assert [guard.pid for guard in ownerless_guards()] == [8, 9]


def test_without_a_suspect_nothing_waits(ends_s: dict[int, float]) -> None:
    assert ownerless_guards() == ()
    assert clock.now_s() == 0.0
