"""What failed a job, from a Flink whose answers are a moment old."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flink_testbed.flink import cluster
from flink_testbed.flink.cluster import FlinkCluster


def cluster_that_says(*answers: str) -> Any:
    """As much of a cluster as is asked: the last answer is given for ever."""
    left = list(answers)
    rest = SimpleNamespace(url="", root_exception=lambda job_id: left.pop(0) if len(left) > 1 else left[0])
    fake: Any = SimpleNamespace(rest=rest, rest_url="", logs=SimpleNamespace(tail=lambda lines: ""))
    fake.wait = lambda *args, **kwargs: FlinkCluster.wait(fake, *args, **kwargs)
    return fake


def test_it_is_asked_for_until_it_is_there() -> None:
    """A job can be FAILED before Flink tells why."""
    assert FlinkCluster.exception(cluster_that_says("", "", "Boom"), "job") == "Boom"


def test_a_job_without_one_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty then, and no error."""
    monkeypatch.setattr(cluster, "_EXCEPTION_S", 0.2)
    assert FlinkCluster.exception(cluster_that_says(""), "job") == ""
