"""The wait until a version has no more outputs to show."""

from __future__ import annotations

import pytest

from flink_testbed.core import clock
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.run.settling import SETTLED_S, SILENT_S, Settling


@pytest.fixture
def now_s(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(clock, "now_s", lambda: now[0])
    return now


def settling(*numbers: int) -> Settling:
    one = Settling(lambda: [Output("k", number, number) for number in numbers], range(2, 4), 1)
    one.look()
    return one


def test_a_version_with_all_outputs_is_done_once_it_was_quiet_for_a_while(now_s: list[float]) -> None:
    one = settling(1, 2, 3)
    assert (one.have, one.wanted, one.done) == (2, 2, False)
    now_s[0] += SETTLED_S
    assert one.done


def test_a_version_with_too_few_outputs_is_given_longer(now_s: list[float]) -> None:
    one = settling(1, 2)
    now_s[0] += SILENT_S - 1
    assert not one.done
    now_s[0] += 1
    assert one.done


def test_a_version_whose_call_has_no_answer_yet_is_not_done(now_s: list[float]) -> None:
    one = settling(2, 3)
    one.at_work = True
    for _ in range(3):
        now_s[0] += SETTLED_S
        one.look()
        assert not one.done
    one.at_work = False
    now_s[0] += SETTLED_S
    one.look()
    assert one.done


def test_a_version_that_differs_is_done_at_once(now_s: list[float]) -> None:
    one = settling(2)
    one.differs = True
    assert one.done
