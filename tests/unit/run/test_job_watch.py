"""An agent's metrics among all that Flink shows of a vertex."""

from __future__ import annotations

from pytest_flink_agents.run.job_watch import agent_metrics

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


def test_metrics_of_the_operator_that_counts_events() -> None:
    """Found by what it counts; subtasks are added up, of latencies the largest counts; what is no number is left out."""
    assert agent_metrics(VERTEX) == {
        "numOfEventProcessed": 12,
        "action.add.numOfActionsExecuted": 2,
        "inputRunLatencyMs": 13,
    }


def test_an_operator_that_is_named() -> None:
    """Whatever it counts."""
    assert agent_metrics(VERTEX, "outputs__Writer") == {"numRecordsOut": 9}


def test_a_vertex_without_an_agent_has_none() -> None:
    """Nothing is taken for an agent's."""
    assert agent_metrics({"0.Map.numRecordsIn": "3", "0.numRecordsIn": "3"}) == {}
