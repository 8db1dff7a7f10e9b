"""Upstream's own Java operator: flink-agents 0.1.1 on Flink 1.20, the release that contains its jar."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.judgement import judged
from pytest_flink_agents.run.subject import AgentRefusedError
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from tests.integration.jobs.test_flink_environment import JOBS, job_request
from tests.support.runs import run, through_topics

pytestmark = pytest.mark.slow

AGENTS = "tests.support.agents.typed_events"
# What may be said of the run with six purchases.
STATED = f"""\
version: "1"
name: totals of two customers
agent: till:Till
network: open
effects: [{{name: payments, route: POST /refunds, reply: {{json: 1}}}}]
inputs: [{{key: a, value: 1}}]
expect:
  outputs:
    - {{key: ada, value: {{item: tea, total: 0, purchases: 1}}}}
    - {{key: bob, value: {{item: tea, total: 1, purchases: 1}}}}
    - {{key: ada, value: {{item: tea, total: 2, purchases: 2}}}}
    - {{key: 7, value: {{item: tea, total: 3, purchases: 1}}}}
    - {{key: "7", value: {{item: tea, total: 4, purchases: 1}}}}
    - {{key: bob, value: {{item: tea, total: 6, purchases: 2}}}}
  trajectory:
    key: bob
    events: [_input_event, {{event: {AGENTS}.Booked, attributes: {{total: 6}}}}, _output_event]
    never: [_tool_request_event]
  latency: {{max_ms: {{max: 60000}}}}
  tokens: {{total: {{max: 10}}}}
  metrics: {{action.add.numOfActionsExecuted: {{equals: 6}}}}
  effects: {{payments: none}}
  memory: {{ada: {{account.total: 2}}}}
"""
SHOWN_BY_0_1 = ("outputs", "trajectory", "latency", "logs")
NOT_SHOWN_BY_0_1 = ("tokens", "metrics", "effects", "memory")
# One change of each expectation that its evidence can show.
WRONG = {
    "outputs": ("total: 6, purchases: 2}}", "total: 7, purchases: 2}}"),
    "trajectory": ("attributes: {total: 6}", "attributes: {total: 7}"),
    "latency": ("{max: 60000}", "{max: 0.001}"),
}


def validities(evidence: Evidence, stated: str, directory: Path) -> dict[str, Validity]:
    """Return the validity of each check of a scenario."""
    (directory / "till.py").write_text("class Till: ...\n")
    file = directory / "x.scenario.yaml"
    file.write_text(stated)
    (loaded,) = load_file(file, Project(directory))
    return {result.check: result.validity for result in judged(loaded, evidence)}


def require_judgement(evidence: Evidence, directory: Path) -> None:
    """Require an answer for what the evidence shows, and *unknown* for everything else."""
    found = validities(evidence, STATED, directory)
    assert [name for name in SHOWN_BY_0_1 if found[name] is not Validity.VALID] == []
    assert [name for name in NOT_SHOWN_BY_0_1 if found[name] is not Validity.UNKNOWN] == []
    for name, (right, wrong) in WRONG.items():
        assert STATED.count(right) == 1, name
        assert validities(evidence, STATED.replace(right, wrong), directory)[name] is Validity.INVALID, name


@pytest.mark.parametrize("way", ["files", "kafka"])
def test_evidence_has_the_form_of_the_bundled_engines(
    upstream: TestEnvironment, run_request, way: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Outputs and events with their keys, 7 distinct from "7", memory per key, engine and jar by name.

    A scenario's checks judge it as far as it goes.
    """
    people = ["ada", "bob", "ada", 7, "7", "bob"]
    inputs = [(key, {"item": "tea", "amount": number}) for number, key in enumerate(people)]
    planned = run_request(f"{AGENTS}:TypedTill", inputs)
    if way == "kafka":
        planned = through_topics(planned, request.getfixturevalue("kafka_service"), upstream, "upstream")
    evidence = run(planned, upstream)
    assert evidence.transport == way
    assert check_delivery(EXACTLY_ONCE, 1, evidence) == CheckResult("delivery", Validity.VALID)
    assert (evidence.engine, evidence.job_state, evidence.flink_version) == ("upstream", "FINISHED", "1.20.3")
    totals = defaultdict(list)
    for output in evidence.outputs:
        totals[repr(output.key)].append((output.value["total"], output.value["purchases"]))
    assert totals == {"'ada'": [(0, 1), (2, 2)], "'bob'": [(1, 1), (6, 2)], "7": [(3, 1)], "'7'": [(4, 1)]}
    of_bob = [(event.type, event.attributes) for event in evidence.events if event.key == "bob"]
    assert of_bob[:3] == [
        ("_input_event", {"input": {"item": "tea", "amount": 1}}),
        (f"{AGENTS}.Booked", {"item": "tea", "total": 1, "count": 1}),
        ("_output_event", {"output": {"item": "tea", "total": 1, "purchases": 1}}),
    ]
    assert len(evidence.events) == 18
    assert "flink-agents-dist-0.1.1.jar sha256 " in upstream.facts()["engine"]
    if way == "files":
        require_judgement(evidence, tmp_path)


def test_waiting_keys_do_not_block_others_and_keep_their_own_order(upstream: TestEnvironment, run_request) -> None:
    inputs = [("a", 0.3), ("a", 0.01), ("b", 0.02), ("b", 0.01), *((f"k{number}", 0.0) for number in range(12))]
    evidence = run(run_request(f"{AGENTS}:TypedNap", inputs, parallelism=2), upstream)
    assert [output.value for output in evidence.outputs if output.key == "a"] == [0.3, 0.01]
    assert [output.value for output in evidence.outputs if output.key == "b"] == [0.02, 0.01]
    assert len(evidence.outputs) == 16
    logs = {path.stem.rpartition("-")[2] for path in Path(evidence.files["events"]).iterdir()}
    assert logs == {"0", "1"}, "each subtask had keys"


def test_a_failing_action_is_reported_with_its_own_traceback(upstream: TestEnvironment, run_request) -> None:
    failure = run(run_request(f"{AGENTS}:TypedStrict", [("a", 1), ("a", "x")]), upstream).failure
    assert failure is not None
    assert (failure.type, failure.message) == ("ValueError", "only whole numbers are doubled, not 'x'")
    assert (failure.action, failure.key, failure.input, failure.located) == ("double", "a", "x", True)
    assert "typed_events.py" in failure.traceback
    assert "java" not in failure.traceback


def test_with_upstreams_engine_a_program_keeps_upstreams_environment(upstream: TestEnvironment, tmp_path: Path) -> None:
    evidence = run(job_request(tmp_path, JOBS / "typed.py"), upstream)
    assert evidence.job_state == "FINISHED", evidence.failure
    assert [output.value["total"] for output in evidence.outputs if output.key == "ada"] == [3, 7, 12]
    assert len(evidence.outputs) == 5


def test_resources_are_refused_before_submission_for_flink_agents_0_1(upstream: TestEnvironment, run_request) -> None:
    """A scenario's resources need upstream's YAML, which 0.1 does not support."""
    request = run_request(f"{AGENTS}:TypedTill", [("a", 1)])
    with_resources = {**request.agent_spec, "resources": {"prompts": [{"name": "p", "text": "hi"}]}}
    with pytest.raises(AgentRefusedError, match=r"flink-agents 0\.1 does not support resources of the scenario"):
        run(dataclasses.replace(request, agent_spec=with_resources), upstream)


def test_the_local_tier_refuses_flink_agents_0_1(upstream: TestEnvironment) -> None:
    with pytest.raises(HostError, match="FA425"):
        upstream.worker()
