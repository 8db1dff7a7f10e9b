"""Parts of the answers of Flink's REST API, in the form of Flink 2.2."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.faults.job_status import read_job_status
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.remote import RemoteCluster
from flink_testbed.flink.rest import RestClient

ENTRY = {
    "exceptionName": "java.io.IOException",
    "stacktrace": "java.io.IOException: gone",
    "timestamp": 2,
    "taskName": "a",
}
OLDER = {"exceptionName": "E", "stacktrace": "E: first", "timestamp": 1}
COUNTS = {"restored": 1, "total": 5, "in_progress": 0, "completed": 3, "failed": 1}
ANSWERS: dict[str, Any] = {
    "/jobs/j": {"state": "RUNNING", "timestamps": {"INITIALIZING": 7}, "vertices": [{"id": "v", "status": "RUNNING"}]},
    "/jobs/j/vertices/v": {"subtasks": [{"taskmanager-id": "taskmanager-0"}, {"taskmanager-id": "taskmanager-2"}]},
    "/jobs/j/checkpoints": {"counts": COUNTS},
    "/jobs/j/exceptions": {"root-exception": "", "exceptionHistory": {"entries": [ENTRY, OLDER], "truncated": False}},
}


@pytest.fixture
def rest(monkeypatch: pytest.MonkeyPatch) -> RestClient:
    client = RestClient("http://flink.example:8081")
    monkeypatch.setattr(client, "call", lambda method, path, **_: ANSWERS[path])
    return client


def test_checkpoints_and_exceptions_of_a_job_are_read(rest: RestClient) -> None:
    assert rest.checkpoint_counts("j") == COUNTS
    assert rest.exceptions("j") == [ENTRY, OLDER]
    assert rest.root_exception("j") == "java.io.IOException: gone"


def test_a_job_that_failed_before_it_ran_has_a_root_exception_only(
    rest: RestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = {"root-exception": "E: no graph", "exceptionHistory": {"entries": [], "truncated": False}}
    monkeypatch.setitem(ANSWERS, "/jobs/j/exceptions", answer)
    assert (rest.exceptions("j"), rest.root_exception("j")) == ([], "E: no graph")


def test_faults_compare_the_same_facts(rest: RestClient) -> None:
    now = read_job_status(cast(FlinkCluster, SimpleNamespace(rest=rest)), "j")
    assert (now.state, now.last_failure_ms, now.restored, now.runs, now.process) == ("RUNNING", 2, 1, True, 7)


def test_the_taskmanagers_of_a_job_are_those_of_its_subtasks(rest: RestClient) -> None:
    assert rest.taskmanagers_of("j") == {"taskmanager-0", "taskmanager-2"}


def test_a_clusters_options_are_read_once_and_none_if_it_refuses(tmp_path: Path) -> None:
    answers: list[dict[str, str] | None] = [None, {"heartbeat.timeout": "9s"}]

    def configuration() -> dict[str, str]:
        answer = answers.pop(0)
        if answer is None:
            raise HostError(Problem("FA404", "403 Forbidden"))
        return answer

    cluster = RemoteCluster(RestAccess("http://flink:1"), Path("java"), "2.2.1", run_id="r", directory=tmp_path)
    cluster._rest = cast(RestClient, SimpleNamespace(configuration=configuration))
    assert cluster.configuration() == {}
    assert [cluster.configuration(), cluster.configuration()] == [{"heartbeat.timeout": "9s"}] * 2
