"""The canonical form of agent plans, and their differences."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from pytest_flink_agents.plan import (
    ABSENT,
    Dialect,
    PlanDifference,
    canonical_plan,
    canonical_text,
    dialect_of,
    plan_differences,
    plan_digest,
)

Changed = Callable[..., dict[str, Any]]


def reversed_keys(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(each) for each in value] if isinstance(value, list) else value


def test_the_order_of_keys_has_no_meaning(older: dict[str, Any]) -> None:
    other = reversed_keys(older)
    assert plan_differences(older, other) == ()
    assert plan_digest(older) == plan_digest(other)
    assert canonical_text(older) == canonical_text(other)


def test_both_dialects_have_one_form(older: dict[str, Any], newer: dict[str, Any]) -> None:
    assert (dialect_of(older), dialect_of(newer)) == (Dialect.EVENT_TYPES, Dialect.CONDITIONS)
    assert plan_differences(older, newer) == ()


def test_a_plan_without_a_dialect_has_none() -> None:
    assert dialect_of({}) is None
    assert dialect_of({"actions": {}}) is None
    assert dialect_of({"actions": [1]}) is None
    assert dialect_of({"actions": {}, "actions_by_event": {}}) is Dialect.EVENT_TYPES


def test_the_form_of_a_form_is_itself(older: dict[str, Any], newer: dict[str, Any]) -> None:
    for plan in (older, newer):
        assert canonical_plan(canonical_plan(plan)) == canonical_plan(plan)


def test_a_plan_is_not_changed(older: dict[str, Any]) -> None:
    before = copy.deepcopy(older)
    canonical_plan(older)
    assert older == before


def test_the_order_of_event_types_has_no_meaning(older: dict[str, Any], changed: Changed) -> None:
    other = changed("actions", "ask", "listen_event_types", to=["asked", "_input_event", "asked"])
    assert plan_differences(older, other) == ()


def test_the_order_of_the_actions_of_an_event_has_one(
    older: dict[str, Any], newer: dict[str, Any], changed: Changed
) -> None:
    other = changed("actions_by_event", "_input_event", to=["pay", "ask"])
    assert [each.path for each in plan_differences(older, other)] == [
        "$.actions_by_event._input_event[0]",
        "$.actions_by_event._input_event[1]",
    ]
    newer_other = {**newer, "actions": {name: newer["actions"][name] for name in ("pay", "ask")}}
    assert plan_differences(other, newer_other) == ()


@pytest.mark.parametrize("section", ["resource_providers", "config"])
def test_an_empty_section_is_an_absent_one(changed: Changed, section: str) -> None:
    plans = [changed(section, to=None), changed(section, to={}), changed(section, remove=True)]
    plans += [changed(section, to={"tool": {}} if section == "resource_providers" else {"conf_data": {}})]
    assert len({plan_digest(plan) for plan in plans}) == 1


def test_actions_without_options_are_equal(older: dict[str, Any], changed: Changed) -> None:
    for empty in ({}, {"__config_type__": "java"}):
        assert plan_differences(older, changed("actions", "ask", "config", to=empty)) == ()
    assert plan_differences(older, changed("actions", "ask", "config", remove=True)) == ()


def test_json_text_is_compared_by_its_value(older: dict[str, Any], changed: Changed) -> None:
    path = ("resource_providers", "tool", "refund", "serializedResource")
    text = '{"func":{"method_name":"refund"},"metadata":{"name":"refund"}}'
    assert plan_differences(older, changed(*path, to=text)) == ()
    (found,) = plan_differences(older, changed(*path, to=text.replace('"refund"}}', '"other"}}')))
    assert found.path == "$.resource_providers.tool.refund.serializedResource.metadata.name"
    (found,) = plan_differences(older, changed(*path, to="{"))
    assert found.seen == "{"


# Each is one fact of a plan that a reader could lose or misread.
LOST = {
    ("actions", "pay", "exec", "method_name"): ("$.actions.pay.exec.method_name", "pay"),
    ("actions", "pay", "config", "tries"): ("$.actions.pay.config.tries", 3),
    ("actions", "pay", "config", "__config_type__"): ("$.actions.pay.config.__config_type__", "python"),
    ("config", "conf_data", "max-retries"): ('$.config.conf_data["max-retries"]', 2),
    ("actions_by_event", "asked"): ("$.actions_by_event.asked", ["ask"]),
}


@pytest.mark.parametrize("path", LOST)
def test_a_lost_field_is_a_difference_with_its_path(
    older: dict[str, Any], changed: Changed, path: tuple[str, ...]
) -> None:
    where, value = LOST[path]
    assert plan_differences(older, changed(*path, remove=True)) == (PlanDifference(where, value, ABSENT),)


@pytest.mark.parametrize("seen", [2.0, "2", True, None, [2]])
def test_values_of_other_types_are_other_values(older: dict[str, Any], changed: Changed, seen: Any) -> None:
    (found,) = plan_differences(older, changed("config", "conf_data", "max-retries", to=seen))
    assert (found.expected, found.seen) == (2, seen)
    assert found.in_words == f'$.config.conf_data["max-retries"]: expected 2, seen {json.dumps(seen)}'


def test_a_lost_part_is_one_difference(older: dict[str, Any], changed: Changed) -> None:
    (found,) = plan_differences(changed("actions", "pay", remove=True), older)
    assert (found.path, found.expected) == ("$.actions.pay", ABSENT)
    assert found.in_words.startswith("$.actions.pay: expected absent, seen {")


def test_a_key_that_a_release_adds_is_a_difference(older: dict[str, Any]) -> None:
    (found,) = plan_differences(older, {**older, "agent_name": "Shop"})
    assert found == PlanDifference("$.agent_name", ABSENT, "Shop")


@pytest.mark.parametrize("malformed", [[], 1, "x", [{}], {"tool": 1}, {"tool": {"t": 2}}])
def test_malformed_parts_differ_and_do_not_fail(older: dict[str, Any], changed: Changed, malformed: Any) -> None:
    for section in ("actions", "actions_by_event", "resource_providers", "config"):
        assert plan_differences(older, changed(section, to=malformed)) != (), section
