"""A cluster without project and runtime on its TaskManagers: both are shipped with the job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flink_testbed.flink.config import ClusterConfig
from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup
from pytest_flink_agents.run.subject import AgentRefusedError
from tests.support.own_cluster import own_cluster
from tests.support.runs import run, through_topics

pytestmark = pytest.mark.slow

TILL = "scenarios.agents.till:TillAgent"
INPUTS = [
    ("ada", {"item": "tea", "amount": 3}),
    ("bob", {"item": "tea", "amount": 1}),
    ("ada", {"item": "cake", "amount": 4}),
]


@pytest.fixture(scope="module")
def bare(session_environment: TestEnvironment, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestEnvironment]:
    """A cluster whose workers import only the packages of the job environment."""
    directory = tmp_path_factory.mktemp("bare") / "cluster"
    packages = (session_environment.environment.site_packages,)
    with own_cluster(session_environment, directory, ClusterConfig(slots=2), packages) as own:
        yield own


@pytest.fixture
def shares_nothing(bare: TestEnvironment) -> Iterator[TestEnvironment]:
    """The same cluster, treated as one on another machine."""
    bare.cluster().shares_files = False
    yield bare
    bare.cluster().shares_files = True


def test_a_missing_runtime_on_the_workers_is_named_with_the_option_that_ships_it(
    bare: TestEnvironment, run_request
) -> None:
    evidence = run(run_request(TILL, INPUTS), bare)
    assert evidence.failure is not None
    assert evidence.failure.message.startswith("the TaskManagers' Python has no module 'flink_agents_runtime'")
    assert "--pyFiles" in evidence.failure.message
    assert "ModuleNotFoundError" in evidence.failure.traceback


def test_runtime_and_project_are_shipped_with_each_job(shares_nothing: TestEnvironment, run_request) -> None:
    """Two consecutive jobs with agents of one package get their own files.

    In process mode the evidence is the same: outputs, events, and a failure with action, key and
    input.
    """
    evidence = run(run_request(TILL, INPUTS), shares_nothing)
    assert evidence.job_state == "FINISHED", evidence.failure
    outputs = sorted((output.key, output.value["total"]) for output in evidence.outputs)
    assert outputs == [("ada", 3), ("ada", 7), ("bob", 1)]
    assert len(evidence.events) == 9
    strict = run_request("scenarios.agents.strict:StrictAgent", [("n", 2), ("n", "two")])
    failure = run(strict, shares_nothing).failure
    assert failure is not None
    assert (failure.action, failure.key, failure.input) == ("double", "n", "two")
    assert "strict.py" in failure.traceback


def test_the_kafka_connector_is_shipped_with_the_job(
    shares_nothing: TestEnvironment, run_request, kafka_service: KafkaService
) -> None:
    """Inputs and outputs are in topics: the cluster needs no file of the run."""
    request = through_topics(run_request(TILL, INPUTS, within_s=120), kafka_service, shares_nothing, "shipping")
    evidence = run(request, shares_nothing)
    assert (evidence.job_state, evidence.transport) == ("FINISHED", "kafka"), evidence.failure
    assert check_delivery(EXACTLY_ONCE, 1, evidence) == CheckResult("delivery", Validity.VALID)


def test_thread_mode_refuses_shipped_code_before_submission(shares_nothing: TestEnvironment, run_request) -> None:
    """It would run another job's version of a module."""
    request = run_request(TILL, INPUTS, setup=FlinkSetup(job={"python.execution-mode": "thread"}))
    with pytest.raises(AgentRefusedError) as caught:
        run(request, shares_nothing)
    assert "PYTHONPATH" in caught.value.problem.expected
