"""The plan of a run against what the other language has read."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.plan import check_plan
from pytest_flink_agents.evidence.plan_reading import PlanReading
from pytest_flink_agents.plan import PlanDifference
from pytest_flink_agents.run.launch import plan_reading

SAME = PlanReading("Java", "sha256:1")
LOST = PlanDifference("$.actions.pay.config.limit", 3, "3")
PLAN: dict[str, Any] = {
    "actions": {
        "pay": {"exec": {"func_type": "JavaFunction"}, "listen_event_types": ["_input_event"], "config": {"limit": 3}}
    }
}


def test_a_plan_that_is_read_as_written_is_valid() -> None:
    assert check_plan(SAME).validity is Validity.VALID


def test_a_changed_field_is_invalid_with_its_path() -> None:
    result = check_plan(dataclasses.replace(SAME, differences=(LOST,)))
    (finding,) = result.findings
    assert result.validity is Validity.INVALID
    assert finding.message == "FA233: Java reads $.actions.pay.config.limit of the plan otherwise than it was written"
    assert (finding.expected, finding.seen, finding.path) == ("3", '"3"', ("agent",))


def test_a_plan_that_cannot_be_read_is_invalid() -> None:
    result = check_plan(dataclasses.replace(SAME, error="IOException: no field exec"))
    assert (result.validity, result.findings[0].seen) == (Validity.INVALID, "IOException: no field exec")


def test_many_differences_are_counted() -> None:
    assert check_plan(dataclasses.replace(SAME, differences=(LOST,) * 12)).findings[-1].message == "2 more differences"


def test_a_language_that_does_not_run_the_plan_decides_nothing() -> None:
    assert check_plan(dataclasses.replace(SAME, differences=(LOST,), needed=False)).validity is Validity.VALID


@pytest.mark.parametrize(("reader", "needed"), [("Java", True), ("Python", False)])
def test_a_reading_is_compared_in_canonical_form(reader: str, needed: bool) -> None:
    written = json.dumps(PLAN)
    reply = {"reader": reader, "written": written, "read": written.replace("3", '"3"'), "error": ""}
    reading = plan_reading(reply)
    assert reading.differences == (LOST,)
    assert reading.needed is needed
    assert plan_reading({**reply, "read": "", "error": "no"}).differences == ()


def test_python_parts_of_a_java_agent_need_python() -> None:
    provider = {"__resource_provider_type__": "PythonResourceProvider"}
    written = json.dumps({**PLAN, "resource_providers": {"tool": {"double": provider}}})
    assert plan_reading({"reader": "Python", "written": written, "read": written, "error": ""}).needed
