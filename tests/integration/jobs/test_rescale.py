"""A job that is stopped with a savepoint resumes with another parallelism and loses nothing."""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.responder import Responder
from tests.support.endless_job import EndlessJob

pytestmark = pytest.mark.slow

KEYS = [f"k{number}" for number in range(7)]
GATED = "gated"


def purchases(first: int, count: int) -> list[dict[str, Any]]:
    """Return ``count`` purchases of each key, with the amounts ``first``, ``first`` + 1, ..."""
    return [{"key": key, "amount": first + number, "gate": None} for number in range(count) for key in [*KEYS, GATED]]


def _by_key(job: EndlessJob) -> dict[str, list[tuple[int, int]]]:
    """Return count and total of each committed output by key."""
    found = defaultdict(list)
    for output in job.outputs():
        found[output["key"]].append((output["count"], output["total"]))
    return dict(found)


@pytest.mark.parametrize("mode", ["thread", "process"])
def test_a_job_keeps_memory_and_pending_inputs_over_parallelism_1_2_and_1(
    jobs: Responder, flink_cluster: FlinkCluster, tmp_path: Path, mode: str
) -> None:
    """Each key's outputs are the running totals of all its inputs, each once, in order.

    An unfinished asynchronous call, with the inputs queued behind it, passes through both
    savepoints; its outputs follow in the third run.
    """
    job = EndlessJob(jobs, flink_cluster, tmp_path, "tests.support.agents.napping:GatedTill", mode)
    gated = {"key": GATED, "amount": 1000, "gate": str(job.gate)}
    job.put("first", [gated, *purchases(0, 20)])
    job.start(1)
    job.wait_for_outputs(20, *KEYS)
    savepoint = job.stop()

    job.put("second", purchases(20, 20))
    job.start(2, savepoint)
    job.wait_for_outputs(40, *KEYS)
    assert GATED not in _by_key(job)
    savepoint = job.stop()

    job.put("third", purchases(40, 20))
    job.start(1, savepoint)
    job.gate.touch()
    job.wait_for_outputs(60, *KEYS)
    job.wait_for_outputs(61, GATED)
    job.stop()
    outputs = _by_key(job)
    amounts = list(range(60))
    for key in KEYS:
        assert outputs.pop(key) == list(enumerate(accumulate(amounts), start=1))
    assert outputs == {GATED: list(enumerate(accumulate([1000, *amounts]), start=1))}
