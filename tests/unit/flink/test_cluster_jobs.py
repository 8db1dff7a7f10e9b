"""The stack trace of a failed job, from a REST API that lags behind."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flink_testbed.flink import cluster_jobs
from flink_testbed.flink.cluster_jobs import ClusterJobs


def cluster_with_exceptions(*answers: str) -> Any:
    """A fake whose REST client returns the answers in order, then the last one again and again."""
    left = list(answers)
    rest = SimpleNamespace(url="", root_exception=lambda job_id: left.pop(0) if len(left) > 1 else left[0])
    fake: Any = SimpleNamespace(rest=rest, rest_url="", logs=SimpleNamespace(tail=lambda lines: ""))
    fake.wait = lambda *args, **kwargs: ClusterJobs.wait(fake, *args, **kwargs)
    return fake


def test_an_exception_that_comes_later_than_the_state_is_waited_for() -> None:
    assert ClusterJobs.exception(cluster_with_exceptions("", "", "Boom"), "job") == "Boom"


def test_a_job_without_an_exception_has_an_empty_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_jobs, "_EXCEPTION_S", 0.2)
    assert ClusterJobs.exception(cluster_with_exceptions(""), "job") == ""
