"""What readers of a plan refuse or misread."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from pytest_flink_agents.plan.check import NOT_BY_ALL, plan_problems

Changed = Callable[..., dict[str, Any]]


def found(plan: dict[str, Any]) -> list[tuple[str, str]]:
    return [(problem.code, problem.where) for problem in plan_problems(plan)]


@pytest.fixture
def python_only(changed: Changed) -> dict[str, Any]:
    """A plan without Java, of which no reader refuses anything."""
    plan = changed("resource_providers", to={})
    plan["actions"]["pay"]["exec"] = {"func_type": "PythonFunction", "module": "shop", "qualname": "Shop.pay"}
    return plan


def test_a_plan_in_python_is_read_as_written(python_only: dict[str, Any]) -> None:
    assert found(python_only) == []


def test_an_object_of_java_is_refused_by_the_bundled_engine(older: dict[str, Any]) -> None:
    problems = plan_problems(older)
    assert [problem.where for problem in problems] == ["$.resource_providers.tool.refund"]
    assert {problem.code for problem in problems} == {NOT_BY_ALL}
    assert all("bundled engine" in problem.message and "upstream" in problem.next_step for problem in problems)


def test_the_next_dialect_is_refused_by_its_words(newer: dict[str, Any]) -> None:
    newer["actions"]["ask"]["trigger_conditions"] = ["_input_event", "event.amount > 100"]
    problems = [problem for problem in plan_problems(newer) if problem.where == "$.actions.ask.trigger_conditions"]
    assert [problem.seen for problem in problems] == ["trigger_conditions", "CEL: event.amount > 100"]
    assert "0.4" in problems[0].next_step


MISTAKES: dict[str, tuple[tuple[str, ...], Any, tuple[str, str]]] = {
    "another name inside": (("actions", "ask", "name"), "asks", ("FA231", "$.actions.ask.name")),
    "no function": (("actions", "ask", "exec"), None, ("FA230", "$.actions.ask.exec.func_type")),
    "half a function": (
        ("actions", "ask", "exec"),
        {"func_type": "PythonFunction", "module": "shop"},
        ("FA230", "$.actions.ask.exec.qualname"),
    ),
    "nothing to listen to": (
        ("actions", "ask", "listen_event_types"),
        None,
        ("FA230", "$.actions.ask.listen_event_types"),
    ),
    "an action of no event": (("actions_by_event", "asked"), [], ("FA231", "$.actions_by_event.asked")),
    "an unknown action": (("actions_by_event", "asked"), ["ask", "aks"], ("FA230", "$.actions_by_event.asked")),
    "an event of no action": (
        ("actions_by_event", "asked"),
        ["ask", "pay"],
        ("FA231", "$.actions.pay.listen_event_types"),
    ),
    "no order": (("actions_by_event",), None, ("FA230", "$.actions_by_event")),
    "a mistyped section": (("configs",), {}, ("FA231", "$.configs")),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_has_its_place(python_only: dict[str, Any], mistake: str) -> None:
    path, value, expected = MISTAKES[mistake]
    plan = copy.deepcopy(python_only)
    holder = plan
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    assert found(plan) == [expected]


def test_a_repeated_event_type_runs_an_action_twice(python_only: dict[str, Any]) -> None:
    python_only["actions"]["ask"]["listen_event_types"].append("asked")
    (problem,) = plan_problems(python_only)
    assert problem.message == "action ask runs 2 times for each asked"


PROVIDER = {"name": "server", "type": "chat_model", "__resource_provider_type__": "PythonResourceProvider"}


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"__resource_provider_type__": "PythonProvider"}, ".__resource_provider_type__"),
        ({"name": "other"}, ".name"),
        ({"type": "tool"}, ".type"),
        ({"descriptor": {"language": "java"}}, ".descriptor.language"),
    ],
)
def test_a_mistake_of_a_resource_has_its_place(python_only: dict[str, Any], change: dict[str, Any], place: str) -> None:
    python_only["resource_providers"] = {"chat_model": {"server": PROVIDER}}
    assert found(python_only) == []
    python_only["resource_providers"]["chat_model"]["server"] = {**PROVIDER, **change}
    assert [where for _, where in found(python_only)] == [f"$.resource_providers.chat_model.server{place}"]


@pytest.mark.parametrize("plan", [{}, {"actions": {}}, {"agents": [1]}])
def test_other_json_is_no_plan(plan: dict[str, Any]) -> None:
    assert found(plan) == [("FA230", "$")]


def test_options_are_judged_by_the_dialect(python_only: dict[str, Any], newer: dict[str, Any]) -> None:
    options = {"trace-log.base-dir": "x", "event-log.type.a.level": "OFF", "error-handling-strategy": "retry"}
    python_only["config"] = newer["config"] = {"conf_data": options}
    assert found(python_only) == [("FA231", '$.config.conf_data["trace-log.base-dir"]')]
    assert [each for each in found(newer) if "conf_data" in each[1]] == [
        ("FA230", '$.config.conf_data["event-log.type.a.level"]'),
        ("FA231", '$.config.conf_data["error-handling-strategy"]'),
    ]


def test_java_of_0_1_reads_the_options_of_a_python_action_as_text(python_only: dict[str, Any]) -> None:
    assert found(python_only) == []
    python_only["actions_by_event"]["flink_agents.api.events.event.InputEvent"] = []
    assert found(python_only) == [
        ("FA231", '$.actions.pay.config["tries"]'),
        ("FA231", '$.actions.pay.config["limit"]'),
    ]
