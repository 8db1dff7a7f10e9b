"""Jobs with Java agents and Java actions on upstream's engine: flink-agents 0.1.1 on Flink 1.20."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.checks.delivery import EXACTLY_ONCE, check_delivery
from pytest_flink_agents.checks.finding import CheckResult, Validity
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.cross_language import CrossLanguage
from tests.cross_language.plans import with_java_action
from tests.support.runs import AgentRun, run, through_topics

pytestmark = [pytest.mark.slow, pytest.mark.cross_language]

PURCHASES = [("ada", "tea", 3), ("bob", "rope", 20), ("ada", "cake", 4), (7, "nail", 1), ("7", "hammer", 15)]
INPUTS = [(key, {"item": item, "amount": amount}) for key, item, amount in PURCHASES]


def of_java(request: AgentRun, jar: Path, class_name: str, input_class: str = "java.lang.Object") -> AgentRun:
    """Return the run with an agent of a jar."""
    agent = {"jar": str(jar), "class": class_name, "input_class": input_class}
    return dataclasses.replace(request, agent_spec={"agent": agent, "resources": {}})


def of_plan(request: AgentRun, plan: dict[str, Any], jar: Path, directory: Path) -> AgentRun:
    """Return the run with the agent of a plan, whose Java functions are in the jar."""
    file = directory / "plan.json"
    file.write_text(json.dumps(plan))
    agent = {"plan": str(file), "jar": str(jar)}
    return dataclasses.replace(request, agent_spec={"agent": agent, "resources": {}})


def visits_with(cross_language: CrossLanguage, name: str, method: str) -> dict[str, Any]:
    """Return the plan of the Python agent of visits with a further action in Java."""
    return with_java_action(cross_language.python_plan("tests.cross_language.visits:VisitsAgent"), name, method)


@pytest.mark.parametrize("way", ["files", "kafka"])
def test_a_java_agent_runs_on_the_inputs_of_a_scenario(
    session_environment: TestEnvironment, shop_jar: Path, run_request, way: str, request: pytest.FixtureRequest
) -> None:
    planned = of_java(run_request("", INPUTS, parallelism=2), shop_jar, "shop.TotalsAgent")
    if way == "kafka":
        planned = through_topics(planned, request.getfixturevalue("kafka_service"), session_environment, "java")
    evidence = run(planned, session_environment)
    assert (evidence.engine, evidence.failure, evidence.job_state) == ("upstream", None, "FINISHED")
    totals = [(output.key, output.value["total"]) for output in evidence.outputs]
    assert sorted(totals, key=repr) == [("7", 15), ("ada", 3), ("ada", 7), ("bob", 20), (7, 1)]
    assert check_delivery(EXACTLY_ONCE, 1, evidence) == CheckResult("delivery", Validity.VALID)
    of_ada = [(event.type, event.attributes) for event in evidence.events if event.key == "ada"]
    assert [kind for kind, _ in of_ada] == ["_input_event", "shop.TotalsAgent$Booked", "_output_event"] * 2
    assert of_ada[0][1] == {"input": {"item": "tea", "amount": 3}}
    assert of_ada[4][1] == {"item": "cake", "total": 7}
    assert of_ada[5][1] == {"output": {"item": "cake", "total": 7}}
    assert evidence.plan is not None
    assert (evidence.plan.reader, evidence.plan.needed) == ("Python", False)


def test_inputs_become_objects_of_a_class(session_environment: TestEnvironment, shop_jar: Path, run_request) -> None:
    planned = of_java(run_request("", INPUTS[:2]), shop_jar, "shop.OrderAgent", "shop.Purchase")
    evidence = run(planned, session_environment)
    assert [output.value for output in evidence.outputs] == ["tea for 3", "rope for 20"]


def test_a_failing_java_action_fails_the_job(session_environment: TestEnvironment, shop_jar: Path, run_request) -> None:
    planned = of_java(run_request("", [("ada", {"item": "tea"})]), shop_jar, "shop.TotalsAgent")
    failure = run(planned, session_environment).failure
    assert failure is not None
    assert "IllegalArgumentException: no amount: {item=tea}" in failure.words
    assert "shop.TotalsAgent.add" in failure.traceback
    assert (failure.action, failure.key, failure.input) == ("add", "ada", {"item": "tea"})


def test_a_python_agent_with_a_java_action(
    cross_language: CrossLanguage,
    session_environment: TestEnvironment,
    shop_jar: Path,
    run_request,
    tmp_path: Path,
) -> None:
    """Both share the memory of a key; events of Python reach the action as bytes, and none of Java reaches Python."""
    plan = visits_with(cross_language, "count", "shop.Visits.count")
    evidence = run(of_plan(run_request("", INPUTS), plan, shop_jar, tmp_path), session_environment)
    assert evidence.failure is None
    visits = [(output.key, output.value["item"], output.value["visits"]) for output in evidence.outputs]
    assert visits == [(key, item, 2 if item == "cake" else 1) for key, item, _ in PURCHASES]
    assert evidence.plan is not None
    assert (evidence.plan.reader, evidence.plan.needed, evidence.plan.differences) == ("Java", True, ())


def test_java_of_0_1_creates_no_python_tool(
    cross_language: CrossLanguage,
    session_environment: TestEnvironment,
    shop_jar: Path,
    run_request,
    tmp_path: Path,
) -> None:
    """It reads and writes the tool of a plan, and no agent in Java can declare one."""
    plan = visits_with(cross_language, "ask", "shop.Doubling.ask")
    assert cross_language.java_differences(plan, shop_jar) == ()
    failure = run(of_plan(run_request("", INPUTS[:1]), plan, shop_jar, tmp_path), session_environment).failure
    assert failure is not None
    assert "Python resource deserialization not yet implemented in Java runtime" in failure.words
    assert (failure.action, failure.key) == ("ask", "ada")
