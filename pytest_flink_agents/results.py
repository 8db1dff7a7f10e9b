"""What pytest reports of an item -> the result that the gate reads."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pytest

import flink_testbed
import pytest_flink_agents
from flink_testbed.core.problem import HostError, ProblemError
from pytest_flink_agents.collect import ScenarioItem
from pytest_flink_agents.current import NOT_READY
from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.run.item import Judged
from pytest_flink_agents.session import SessionPlan

# Whose frames lie below what a test calls.
_OURS = tuple(f"{Path(str(module.__file__)).parent}{os.sep}" for module in (flink_testbed, pytest_flink_agents))


def end_at_our_door(error: BaseException) -> None:
    """Cut the traceback of an error that we tell in words where we were called: what lies below says no more.

    Nor does another such error that it took the place of.
    """
    if not isinstance(error, ProblemError):
        return
    if isinstance(error.__cause__ or error.__context__, ProblemError):
        error.__cause__ = None
    door, frame = None, error.__traceback__
    while frame:
        if not frame.tb_frame.f_code.co_filename.startswith(_OURS):
            door = frame
        frame = frame.tb_next
    if door:
        door.tb_next = None


def item_result(
    item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport, judged: Judged | None, plan: SessionPlan
) -> ItemResult:
    """The result of one item after one of its phases."""
    error = item.stash.get(NOT_READY, None) or (call.excinfo.value if call.excinfo else None)
    return _result(
        item,
        plan,
        outcome=_outcome(item, error, judged, report),
        message=_message(item, error, judged, report),
        detail=report.longreprtext if report.failed else "",
        duration_s=report.duration,
        judged=judged,
    )


def not_reached(item: pytest.Item, plan: SessionPlan) -> ItemResult:
    """The result of an item that was selected and never begun: the session was stopped before."""
    return _result(item, plan, outcome=Outcome.NOT_RUN, message="the session ended before it ran")


def left_behind(leak: str) -> ItemResult:
    """The result that a leak is: it says nothing of the scenarios, and the session is not to be trusted."""
    return ItemResult("session", "what is left", Outcome.NOT_RUN, message=f"FA503: left behind: {leak}")


def not_collected(collector: pytest.Collector, report: pytest.CollectReport) -> ItemResult:
    """The result of a file that pytest could not collect."""
    detail = report.longreprtext
    message = detail.partition("\n")[0].removeprefix(f"{report.nodeid}:")
    file = report.nodeid.partition("::")[0]
    return ItemResult(report.nodeid, collector.name, Outcome.NOT_RUN, message=message, detail=detail, file=file)


def _result(
    item: pytest.Item,
    plan: SessionPlan,
    *,
    outcome: Outcome,
    message: str,
    detail: str = "",
    duration_s: float = 0.0,
    judged: Judged | None = None,
) -> ItemResult:
    result = ItemResult(item.nodeid, item.name, outcome, message=message, detail=detail, duration_s=duration_s)
    if not isinstance(item, ScenarioItem):
        return dataclasses.replace(result, file=str(item.path))
    scenario = item.loaded.scenario
    folder = plan.folder_of(item.nodeid)
    return dataclasses.replace(
        result,
        name=scenario.name,
        tier=item.tier,
        flink_version=item.release.version,
        engine=judged.evidence.engine if judged else "",
        severity=scenario.severity,
        file=item.loaded.document.file,
        line=item.loaded.document.mark(()).line,
        evidence=str(folder.relative_to(plan.folder)) if folder.exists() else "",
        requirement=scenario.requirement or "",
        owner=scenario.owner or "",
        reproduce=item.reproduce,
    )


def _outcome(
    item: pytest.Item, error: BaseException | None, judged: Judged | None, report: pytest.TestReport
) -> Outcome:
    if isinstance(error, HostError):
        return Outcome.NOT_RUN
    if not isinstance(item, ScenarioItem):
        return Outcome.of(report.outcome)
    if report.skipped:
        if hasattr(report, "wasxfail"):
            return Outcome.WAIVED
        return Outcome.NOT_APPLICABLE if item.not_applicable else Outcome.SKIPPED
    if report.passed:
        return Outcome.PASSED
    if report.when != "call":
        return Outcome.NOT_RUN
    if judged is not None and judged.unknown:
        return Outcome.UNKNOWN
    # An exception of ours is no statement about the scenario.
    return Outcome.FAILED if judged is not None else Outcome.UNKNOWN


def _message(item: pytest.Item, error: BaseException | None, judged: Judged | None, report: pytest.TestReport) -> str:
    """One line. What a scenario says of a known failure comes before what the checks say."""
    if isinstance(error, HostError):
        # Without its place, which is a long path and stands in the detail: the line must say what happened.
        return f"{error.problems[0].code}: {error.problems[0].message}"
    if report.passed:
        return ""
    known = isinstance(item, ScenarioItem) and item.loaded.scenario.expect_fail is not None
    if judged is not None and judged.headline and not (known and not judged.unknown):
        return judged.headline
    return str(error or "").partition("\n")[0]
