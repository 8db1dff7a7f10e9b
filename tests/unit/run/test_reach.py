"""A run's files that a remote cluster does not see are the environment's fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.remote import RemoteCluster
from pytest_flink_agents.run.watch.reach import require_reach

DIRECTORY = Path("/runs/one")
MISSING = (
    f"Could not enumerate\nCaused by: java.io.FileNotFoundException: File file:{DIRECTORY}/inputs.jsonl does not exist"
)


@pytest.fixture
def remote() -> RemoteCluster:
    access = RestAccess("http://flink:8081")
    return RemoteCluster(access, Path("java"), "2.2.1", run_id="r", directory=Path("kept"))


def test_a_missing_file_of_the_run_is_an_error_of_the_environment(remote: RemoteCluster) -> None:
    with pytest.raises(HostError) as caught:
        require_reach(remote, MISSING, DIRECTORY)
    problem = caught.value.problems[0]
    assert (problem.code, problem.where, "does not exist" in problem.seen) == ("FA446", str(DIRECTORY), True)


@pytest.mark.parametrize(
    "exception",
    ["", "java.io.FileNotFoundException: /etc/other", f"ValueError: cannot parse {DIRECTORY}/inputs.jsonl"],
)
def test_another_failure_is_the_jobs(remote: RemoteCluster, exception: str) -> None:
    require_reach(remote, exception, DIRECTORY)
