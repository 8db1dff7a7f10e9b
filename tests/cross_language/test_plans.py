"""Plans on their way through both languages of flink-agents 0.1.1, and what is lost on it."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from pytest_flink_agents.plan import ABSENT
from pytest_flink_agents.run.cross_language import CrossLanguage
from pytest_flink_agents.run.subject import AgentRefusedError
from tests.cross_language.plans import with_java_action

pytestmark = [pytest.mark.slow, pytest.mark.cross_language]

VISITS = "tests.cross_language.visits:VisitsAgent"


def test_the_plan_of_a_python_agent_survives_java(cross_language: CrossLanguage) -> None:
    plan = cross_language.python_plan(VISITS, limit=3, name="x")
    assert plan["resource_providers"]["tool"]["double"]
    assert cross_language.java_differences(plan) == ()


@pytest.mark.parametrize(
    "agent",
    [
        "tests.support.agents.typed_events:TypedTill",
        "tests.support.agents.typed_events:TypedNap",
        "tests.upstream_scenarios.review:TypedReviewAgent",
    ],
)
def test_the_plans_of_the_agents_of_other_tests_survive_java(cross_language: CrossLanguage, agent: str) -> None:
    assert cross_language.java_differences(cross_language.python_plan(agent)) == ()


def test_the_plan_of_a_java_agent_without_resources_survives_python(
    cross_language: CrossLanguage, shop_jar: Path
) -> None:
    plan = cross_language.java_plan(shop_jar, "shop.OrderAgent", limit=3)
    assert plan["actions"]["order"]["exec"]["qualname"] == "shop.OrderAgent"
    assert plan["config"]["conf_data"] == {"limit": 3}
    assert cross_language.python_differences(plan) == ()
    assert cross_language.java_differences(plan, shop_jar) == ()


def test_a_mixed_plan_survives_both(cross_language: CrossLanguage, shop_jar: Path) -> None:
    plan = with_java_action(cross_language.python_plan(VISITS), "count", "shop.Visits.count")
    assert cross_language.java_differences(plan, shop_jar) == ()
    assert cross_language.python_differences(plan) == ()


def test_python_loses_the_content_of_a_java_tool(cross_language: CrossLanguage, shop_jar: Path) -> None:
    """Python's JavaSerializableResourceProvider of 0.1.1 has no field for it."""
    plan = cross_language.java_plan(shop_jar, "shop.TotalsAgent")
    (lost,) = cross_language.python_differences(plan)
    assert lost.path == "$.resource_providers.tool.twice.serializedResource"
    assert lost.seen is ABSENT


def test_java_misreads_the_options_of_a_python_action(cross_language: CrossLanguage) -> None:
    found = cross_language.java_differences(cross_language.python_plan("tests.cross_language.visits:OptionsAgent"))
    assert {(each.path, each.expected, each.seen) for each in found} == {
        ("$.actions.answer.config.limit", 3, "3"),
        ("$.actions.answer.config.strict", True, "true"),
    }


@pytest.mark.parametrize("field", ["listen_event_types", "exec", "name"])
def test_a_plan_without_a_field_is_refused_or_differs(cross_language: CrossLanguage, field: str) -> None:
    plan = cross_language.python_plan(VISITS)
    broken = copy.deepcopy(plan)
    del broken["actions"]["answer"][field]
    for read in (lambda: cross_language.through_java(broken), lambda: cross_language.through_python(broken)):
        with pytest.raises(AgentRefusedError, match="cannot read the plan"):
            read()


WRONG = {
    "wrong class": ("shop.Visit.count", {}, "ClassNotFoundException: shop.Visit"),
    "wrong method": ("shop.Visits.counts", {}, "NoSuchMethodException: shop.Visits.counts"),
    "not static": ("shop.Visits.record", {}, "expected: a static method"),
    "wrong signature": ("shop.Visits.amount", {"types": ("java.lang.Integer",)}, "expects signature"),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_java_refuses_a_function_that_does_not_fit(cross_language: CrossLanguage, shop_jar: Path, mistake: str) -> None:
    method, types, told = WRONG[mistake]
    plan = with_java_action(cross_language.python_plan(VISITS), "count", method, **types)
    with pytest.raises(AgentRefusedError, match=told):
        cross_language.through_java(plan, shop_jar)


def test_a_missing_jar_is_named(cross_language: CrossLanguage, tmp_path: Path) -> None:
    with pytest.raises(AgentRefusedError, match=r"the jar does not exist(?s:.*)no\.jar"):
        cross_language.java_plan(tmp_path / "no.jar", "shop.TotalsAgent")


@pytest.mark.parametrize(
    ("class_name", "told"), [("shop.Totals", "cannot be loaded"), ("shop.Plain", "shop.Plain is not an agent")]
)
def test_another_class_is_no_agent(cross_language: CrossLanguage, shop_jar: Path, class_name: str, told: str) -> None:
    with pytest.raises(AgentRefusedError, match=told):
        cross_language.java_plan(shop_jar, class_name)
