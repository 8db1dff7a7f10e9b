"""A plan of flink-agents 0.4, written by hand after its sources: no package of it runs where this is tested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.plan import Dialect, canonical_plan, dialect_of
from pytest_flink_agents.plan.check import plan_problems
from pytest_flink_agents.plan.describe import plan_lines, python_parts


@pytest.fixture
def plan() -> dict[str, Any]:
    return dict(json.loads(Path(__file__).with_name("plan_of_0_4.json").read_text(encoding="utf-8")))


def test_its_dialect_is_told_by_its_keys(plan: dict[str, Any]) -> None:
    assert dialect_of(plan) is Dialect.CONDITIONS


def test_the_order_of_an_events_actions_is_that_of_the_actions(plan: dict[str, Any]) -> None:
    assert canonical_plan(plan)["actions_by_event"] == {
        "_chat_request_event": ["chat_model_action"],
        "_input_event": ["refund", "audit"],
        "_tool_response_event": ["chat_model_action"],
        "type == 'refund' && attributes.amount > 100": ["audit"],
    }


def test_it_is_shown_with_its_languages_and_without_secrets(plan: dict[str, Any]) -> None:
    lines = list(plan_lines(plan, "plan.json"))
    assert lines[0].startswith("plan of RefundAgent, as flink-agents 0.4 writes it, sha256:")
    assert (
        "  audit: on _input_event, type == 'refund' && attributes.amount > 100 call shop.Audit.audit(Event, "
        in (lines[2].partition("RunnerContext")[0])
    )
    assert "  chat_model desk: shop.Desk, Java" in lines
    assert "hunter-twelve" not in "\n".join(lines)
    assert python_parts(plan) == ["action chat_model_action", "action refund", "chat_model_connection server"]


def test_each_part_that_a_reader_refuses_is_named(plan: dict[str, Any]) -> None:
    assert [(problem.code, problem.where) for problem in plan_problems(plan)] == [
        ("FA232", "$.actions.chat_model_action.trigger_conditions"),
        ("FA232", "$.actions.refund.trigger_conditions"),
        ("FA232", "$.actions.audit.trigger_conditions"),
        ("FA232", "$.actions.audit.trigger_conditions"),
        ("FA230", '$.config.conf_data["event-log.level"]'),
    ]


def test_a_subagent_is_named(plan: dict[str, Any]) -> None:
    plan["resource_providers"]["agent"] = {
        "clerk": {"name": "clerk", "type": "agent", "__resource_provider_type__": "PythonResourceProvider"}
    }
    (problem,) = [each for each in plan_problems(plan) if each.where == "$.resource_providers.agent.clerk"]
    assert (problem.code, problem.message) == ("FA232", "the bundled engine does not execute subagents")
