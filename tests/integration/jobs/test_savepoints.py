"""Today's code goes on from the savepoints that earlier versions wrote on this Flink line."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.responder import Responder
from pytest_flink_agents.provision.environment import TestEnvironment
from tests.savepoints.corpus import AGENT, BUSY, EACH, KEYS, StoredSavepoint, purchases, stored_savepoints, totals
from tests.support.endless_job import EndlessJob

pytestmark = pytest.mark.slow

# The pickle of a key's state begins with its layout: a tuple whose first field is a small integer.
_LAYOUT = re.compile(rb"(\x80\x05\x95.{8}\(K).", re.DOTALL)
_NEWER = b"\x63"
TODAY = "this session"


@pytest.fixture(scope="module")
def stored(session_environment: TestEnvironment) -> list[StoredSavepoint]:
    """The savepoints of the session's Flink line."""
    line = session_environment.release.line.minor
    found = [each for each in stored_savepoints() if each.line == line]
    assert found, f"no savepoint of Flink {line} is stored: make savepoints"
    return found


def of_key(job: EndlessJob, key: str) -> list[dict[str, Any]]:
    return [output for output in job.outputs() if output["key"] == key]


def test_memory_and_unfinished_work_of_a_stored_savepoint_go_on(
    jobs: Responder, flink_cluster: FlinkCluster, stored: list[StoredSavepoint], tmp_path: Path
) -> None:
    for savepoint in stored:
        job = EndlessJob(jobs, flink_cluster, tmp_path / savepoint.name, AGENT, savepoint.mode, {"writer": TODAY})
        job.put("after", purchases(EACH))
        job.start(savepoint=savepoint.path.as_uri())
        job.wait_for_outputs(EACH, *KEYS)
        assert not of_key(job, BUSY), f"{savepoint.name}: the unfinished call is forgotten"
        job.gate.touch()
        job.wait_for_outputs(1 + 2 * EACH, BUSY)
        flink_cluster.cancel(job.job_id)

        amounts = list(range(2 * EACH))
        for key in KEYS:
            outputs = of_key(job, key)
            assert [(one["count"], one["total"]) for one in outputs] == totals(amounts)[EACH:], savepoint.name
            assert outputs[-1]["items"] == [f"item {number}" for number in amounts], savepoint.name
        first, *queued = of_key(job, BUSY)
        assert [(one["count"], one["total"]) for one in (first, *queued)] == totals([1000, *amounts]), savepoint.name
        assert first["booked_by"] == savepoint.name, "the recorded call was made again"
        assert {one["booked_by"] for one in queued} == {TODAY}


def test_a_savepoint_of_a_newer_version_is_refused(
    jobs: Responder, flink_cluster: FlinkCluster, stored: list[StoredSavepoint], tmp_path: Path
) -> None:
    newer = tmp_path / "newer"
    # In thread mode, since a Python worker logs an error in its own words.
    savepoint = next(each for each in stored if each.mode == "thread")
    shutil.copytree(savepoint.path, newer)
    metadata = newer / "_metadata"
    content, count = _LAYOUT.subn(rb"\1" + _NEWER, metadata.read_bytes())
    assert count > len(KEYS), "the states of the keys are in the savepoint's one file"
    metadata.write_bytes(content)
    job = EndlessJob(jobs, flink_cluster, tmp_path / "job", AGENT, savepoint.mode)
    job.put("after", purchases(EACH))
    job.submit(savepoint=newer.as_uri())
    flink_cluster.wait_for_job(job.job_id, "FAILED", timeout_s=60)
    reason = flink_cluster.exception(job.job_id)
    assert "key state has layout 99" in reason
    assert "it was written by a newer version of pytest-flink-agents; start the job with that version" in reason
    assert not job.outputs()
