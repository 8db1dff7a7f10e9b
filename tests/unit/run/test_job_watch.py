"""An agent's metrics among those of a vertex, and a REST that does not always answer."""

from __future__ import annotations

import itertools
from typing import cast

import pytest

from flink_testbed.core import clock
from flink_testbed.core.problem import Problem
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import RestUnavailableError
from pytest_flink_agents.run.watch.jobs import JobWatch, agent_metrics

VERTEX = {
    "0.action-execute-operator.numOfEventProcessed": "5",
    "1.action-execute-operator.numOfEventProcessed": "7",
    "0.action-execute-operator.action.add.numOfActionsExecuted": "2",
    "0.action-execute-operator.inputRunLatencyMs": "13",
    "1.action-execute-operator.inputRunLatencyMs": "11",
    "0.action-execute-operator.model": "text",
    "0.outputs__Writer.numRecordsOut": "9",
    "0.numRecordsIn": "3",
}


def test_subtasks_of_the_operator_that_counts_events_are_added_up() -> None:
    assert agent_metrics(VERTEX) == {
        "numOfEventProcessed": 12,
        "action.add.numOfActionsExecuted": 2,
        "inputRunLatencyMs": 13,
    }


def test_a_named_operator_needs_no_count_of_events() -> None:
    assert agent_metrics(VERTEX, "outputs__Writer") == {"numRecordsOut": 9}


def test_a_vertex_without_an_agent_has_none() -> None:
    assert agent_metrics({"0.Map.numRecordsIn": "3", "0.numRecordsIn": "3"}) == {}


class Silent:
    """A cluster whose REST does not always answer: an empty answer is silence."""

    def __init__(self, answers: list[str]) -> None:
        self._answers = answers
        self.rest = self

    def require_alive(self) -> None:
        pass

    def job_state(self, job_id: str) -> str:
        answer = self._answers.pop(0)
        if not answer:
            raise RestUnavailableError(Problem("FA404", "no answer from Flink's REST"))
        return answer


def watch_of(answers: list[str], monkeypatch: pytest.MonkeyPatch, *, each_s: float) -> JobWatch:
    """Return a watch whose clock advances by ``each_s`` at every look at it."""
    times = itertools.count(1000.0, each_s)
    monkeypatch.setattr(clock, "now_s", lambda: next(times))
    return JobWatch(cast(FlinkCluster, Silent(answers)), "a job")


def test_a_short_silence_of_rest_keeps_the_last_state(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watch_of(["", "", "FINISHED"], monkeypatch, each_s=1.0)
    for state in ("unknown", "unknown", "FINISHED"):
        watch.look()
        assert watch.state == state


def test_a_long_silence_of_rest_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watch_of(["", ""], monkeypatch, each_s=12.0)
    watch.look()
    with pytest.raises(RestUnavailableError, match="FA404"):
        watch.look()
