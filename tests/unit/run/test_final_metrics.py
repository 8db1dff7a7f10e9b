"""The metrics that the subtasks of a job wrote at their end."""

from __future__ import annotations

import json
from pathlib import Path

from pytest_flink_agents.evidence.metrics import merged, read_metrics, reporting_agents, with_common_names

FIRST = {
    "numOfEventProcessed": 5,
    "inputRunLatencyMs.count": 2,
    "inputRunLatencyMs.mean": 4.5,
    "inputRunLatencyMs.min": 4,
    "inputRunLatencyMs.max": 5,
}
SECOND = {
    "numOfEventProcessed": 7,
    "inputRunLatencyMs.count": 3,
    "inputRunLatencyMs.mean": 2.0,
    "inputRunLatencyMs.min": 1,
    "inputRunLatencyMs.max": 3,
    "action.count.naps": 1,
}


def test_values_of_subtasks_are_added_up_unless_a_sum_has_no_meaning() -> None:
    assert merged([FIRST, SECOND]) == {
        "numOfEventProcessed": 12,
        "inputRunLatencyMs.count": 5,
        "inputRunLatencyMs.mean": 3.0,
        "inputRunLatencyMs.min": 1,
        "inputRunLatencyMs.max": 5,
        "action.count.naps": 1,
    }


def test_a_histogram_of_flinks_rest_api_has_the_names_of_the_final_report() -> None:
    statistics = ("mean", "min", "max", "median", "p75", "p90", "p95", "p98", "p99", "p999", "stddev")
    shown = {f"x_{name}": 1.0 for name in statistics}
    others = {"deck_count": 4.0, "model.m_max": 2.0}
    assert with_common_names({**shown, **others}) == {
        **{f"x.{name}": 1.0 for name in ("mean", "min", "max", "p50", "p95", "p99")},
        **others,
    }


def test_a_mean_of_subtasks_may_be_zero() -> None:
    empty = {"x.count": 0, "x.mean": 0.0}
    assert merged([empty, empty]) == empty
    opposite = [{"x.count": 1, "x.mean": mean} for mean in (-1.0, 1.0)]
    assert merged(opposite) == {"x.count": 2, "x.mean": 0.0}
    assert merged([empty, {"x.count": 2, "x.mean": 8.0}]) == {"x.count": 2, "x.mean": 8.0}


def test_metrics_are_unknown_until_every_subtask_has_written_its_own(tmp_path: Path) -> None:
    assert read_metrics(tmp_path) is None
    (tmp_path / "metrics-a.json").write_text(json.dumps(FIRST))
    assert read_metrics(tmp_path) == FIRST
    (tmp_path / "metrics-b.part").touch()
    assert read_metrics(tmp_path) is None
    (tmp_path / "metrics-b.part").rename(tmp_path / "metrics-b.json").write_text(json.dumps(SECOND))
    assert read_metrics(tmp_path) == merged([FIRST, SECOND])


def test_the_agents_of_a_job_are_known_by_the_names_of_their_metrics(tmp_path: Path) -> None:
    for name in ("Booking-0011aabb.json", "Booking-22ccddee.part", "Praise-2-00112233.json"):
        (tmp_path / f"metrics-{name}").touch()
    assert reporting_agents(tmp_path) == {"Booking", "Praise-2"}
