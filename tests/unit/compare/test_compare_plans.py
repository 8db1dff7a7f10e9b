"""Two plans of an agent, and what becomes unreachable by the second one."""

from __future__ import annotations

from typing import Any

from pytest_flink_agents.compare.plans import Change, PlanChange, compare_plans


def action(*events: str, qualname: str = "Till.add", dialect: str = "listen_event_types") -> dict[str, Any]:
    return {"exec": {"module": "shop.till", "qualname": qualname}, dialect: list(events)}


def plan(resources: dict[str, Any] | None = None, **actions: dict[str, Any]) -> dict[str, Any]:
    return {"actions": actions, "resource_providers": resources or {}}


def test_equal_plans_have_no_difference() -> None:
    assert compare_plans(plan(add=action("_input_event")), plan(add=action("_input_event"))) == ()


def test_a_module_of_another_name_is_no_difference() -> None:
    one, other = action("_input_event"), action("_input_event")
    other["exec"]["module"] = "shop.till_v2"
    assert compare_plans(plan(add=one), plan(add=other)) == ()


def test_a_renamed_action_is_removed_and_names_the_new_one() -> None:
    before = plan(add=action("_input_event"), receipt=action("booked"))
    after = plan(add=action("_input_event"), ticket=action("booked"))
    removed, added = compare_plans(before, after)
    assert (removed.change, removed.name) == (Change.REMOVED, "receipt")
    assert removed.now == "or renamed to ticket, which listens to the same events"
    assert "unfinished calls of receipt in the savepoint" in removed.unreachable
    assert "action state store" in removed.unreachable
    assert (added.change, added.name, added.unreachable) == (Change.ADDED, "ticket", "")


def test_an_action_that_has_no_successor_is_only_removed() -> None:
    (removed,) = compare_plans(
        plan(add=action("_input_event"), audit=action("booked")), plan(add=action("_input_event"))
    )
    assert (removed.name, removed.now) == ("audit", "")


def test_other_events_and_other_code_of_an_action_are_named() -> None:
    before = plan(add=action("_input_event"))
    assert compare_plans(before, plan(add=action("_input_event", "refund"))) == (
        PlanChange(Change.EVENTS, "action", "add", "_input_event", "_input_event, refund"),
    )
    (change,) = compare_plans(before, plan(add=action("_input_event", qualname="Till.add_all")))
    assert change.text == "action add: other code: add before, add_all now"


def test_both_dialects_name_the_triggers_of_an_action() -> None:
    newer = plan(add=action("_input_event", dialect="trigger_conditions"))
    assert compare_plans(plan(add=action("_input_event")), newer) == ()


def test_a_removed_tool_leaves_its_calls_unreachable_and_a_changed_prompt_nothing() -> None:
    before = plan({"tool": {"pay": {"a": 1}}, "prompt": {"greet": {"text": "hi"}}}, add=action("_input_event"))
    after = plan({"prompt": {"greet": {"text": "hello"}}, "tool": {"refund": {}}}, add=action("_input_event"))
    assert [(one.change, one.part, one.name, bool(one.unreachable)) for one in compare_plans(before, after)] == [
        (Change.REMOVED, "tool", "pay", True),
        (Change.SETTINGS, "prompt", "greet", False),
        (Change.ADDED, "tool", "refund", False),
    ]


def test_plans_without_actions_and_resources_are_compared_as_empty() -> None:
    assert compare_plans({}, {"actions": None, "resource_providers": []}) == ()
