"""The result of one phase of a pytest item."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import flink_testbed
import pytest_flink_agents
from flink_testbed.core.problem import HostError, ProblemError
from pytest_flink_agents.current import ATTEMPT, CHECKED, NOT_READY
from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.scenario_item import ScenarioFailed, ScenarioItem

if TYPE_CHECKING:
    from pytest_flink_agents.run.checked_run import CheckedRun
    from pytest_flink_agents.scenario.error import DocumentPath
    from pytest_flink_agents.vocabulary import Promise

# Frames of these packages are cut from tracebacks: they are below the test's own call.
_OWN_PACKAGES = tuple(f"{Path(str(module.__file__)).parent}{os.sep}" for module in (flink_testbed, pytest_flink_agents))


def shorten_traceback(error: BaseException) -> None:
    """Cut the traceback of a self-explaining error at the test's call.

    An error that it replaced while being handled is dropped, too, if it also explains itself.
    """
    if not isinstance(error, ProblemError):
        return
    if isinstance(error.__cause__ or error.__context__, ProblemError):
        error.__cause__ = None
    last, frame = None, error.__traceback__
    while frame:
        if not frame.tb_frame.f_code.co_filename.startswith(_OWN_PACKAGES):
            last = frame
        frame = frame.tb_next
    if last:
        last.tb_next = None


def phase_result(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> ItemResult:
    """Return the result of one phase, as the checks of its run decide."""
    error = item.stash.get(NOT_READY, None) or (call.excinfo.value if call.excinfo else None)
    checked = item.stash.get(CHECKED, None)
    outcome = _outcome(item, error, checked, report)
    tolerated = outcome is Outcome.FLAKY and checked is not None and checked.runs is not None
    result = unstarted(item)
    other_error = _other_error(item, error, checked, report)
    if checked is not None:
        # Only the checks of a run may explain a failure: a later error, or one of the harness, has another cause.
        explained = not other_error and outcome in (Outcome.FAILED, Outcome.UNKNOWN, Outcome.FLAKY)
        failed_runs = checked.failed_runs if explained else ()
        result = dataclasses.replace(
            result,
            repeats=checked.repeats,
            failed_runs=failed_runs,
            figures=dict(checked.figures),
            real_model=checked.evidence.models is not None and checked.evidence.models.is_real,
            comparisons=(checked.comparison,) if checked.comparison else (),
            line=_line(item, checked) or result.line,
            evidence="/".join(filter(None, (result.evidence, checked.directory))),
        )
    return dataclasses.replace(
        result,
        outcome=outcome,
        tolerated=tolerated,
        message=_message(error, checked, report),
        detail=report.longreprtext if report.failed else checked.text if checked and tolerated else "",
        duration_s=report.duration,
        engine=checked.evidence.engine if checked else "",
        runs=str(checked.runs) if checked and checked.runs else "",
        promises=_promises(item, checked) if checked and isinstance(item, ScenarioItem) else (),
        other_error=other_error,
    )


def _other_error(
    item: pytest.Item, error: BaseException | None, checked: CheckedRun | None, report: pytest.TestReport
) -> str:
    """Return the error of a phase that the scenario's run does not explain, one line; empty without one.

    It comes from a fixture, a hook, another plugin, or a bug of the harness.
    """
    if not isinstance(item, ScenarioItem) or isinstance(error, ProblemError):
        return ""
    if error is None:
        # The checks decide about a call whose report was changed; pytest counts the failure.
        return f"another plugin failed the {report.when}" if report.when != "call" and report.failed else ""
    if report.when == "call" and checked is not None and isinstance(error, (ScenarioFailed, pytest.xfail.Exception)):
        own = isinstance(error, ScenarioFailed) or _fails_as_announced(checked)
    else:
        own = report.when != "teardown" and checked is None and isinstance(error, pytest.skip.Exception)
    return "" if own else f"{type(error).__name__} at {report.when}: {error}".partition("\n")[0]


def _line(item: pytest.Item, checked: CheckedRun) -> int:
    """Return the line of the words that the result's message is about, 0 if the scenario's file has none.

    It is the expectation of the first finding, or the failure that the scenario announces.
    """
    finding = next(iter(checked.findings), None)
    path: DocumentPath = ("expect_fail",) if checked.waiver is not None else finding.path if finding else ()
    if not path or not isinstance(item, ScenarioItem):
        return 0
    document = item.loaded.document
    return document.mark(path, key=True).line if document.origin(path) == document.file else 0


def _promises(item: ScenarioItem, checked: CheckedRun) -> tuple[Promise, ...]:
    from pytest_flink_agents.checks.promises import promises_of

    delivery = item.loaded.scenario.expect.delivery
    stated = (delivery.outputs, delivery.per_input) if delivery else (None, 1)
    return promises_of(checked.evidence, *stated)


def unstarted(item: pytest.Item) -> ItemResult:
    """Return the result of an item that was selected and never started."""
    attempt = item.stash.get(ATTEMPT, 1)
    message = "the session ended before it ran"
    result = ItemResult(item.nodeid, item.name, Outcome.NOT_RUN, message=message, attempt=attempt)
    if not isinstance(item, ScenarioItem):
        file, line, _ = item.location
        return dataclasses.replace(result, file=file, line=0 if line is None else line + 1)
    scenario = item.loaded.scenario
    return dataclasses.replace(
        result,
        name=item.loaded.name,
        tier=item.tier,
        flink_version=item.release.version,
        severity=scenario.severity,
        file=item.loaded.document.file,
        line=item.loaded.document.mark(()).line,
        evidence=item.gate_session.evidence_of(item.nodeid, attempt),
        requirement=scenario.requirement or "",
        owner=scenario.owner or "",
        tags=scenario.tags,
        reproduce=item.reproduce,
    )


def _outcome(
    item: pytest.Item, error: BaseException | None, checked: CheckedRun | None, report: pytest.TestReport
) -> Outcome:
    """Return the outcome of a phase.

    A scenario's checks decide, even if a hook or mark of another plugin has changed the report.
    """
    if isinstance(error, HostError):
        return Outcome.NOT_RUN
    if not isinstance(item, ScenarioItem):
        return Outcome.of(report.outcome)
    if report.when == "setup" and report.skipped:
        return Outcome.NOT_APPLICABLE if item.not_applicable else Outcome.SKIPPED
    if report.when != "call":
        return Outcome.NOT_RUN
    if checked is None:
        # Skipped by a hook, a bug of the harness, or a call that another plugin replaced.
        return Outcome.SKIPPED if report.skipped and not hasattr(report, "wasxfail") else Outcome.UNKNOWN
    return _checked_outcome(error, checked)


def _checked_outcome(error: BaseException | None, checked: CheckedRun) -> Outcome:
    from pytest_flink_agents.checks.waiver import WaiverAnswer

    if isinstance(error, pytest.xfail.Exception) and _fails_as_announced(checked):
        return Outcome.WAIVED
    if checked.unknown or checked.waiver is WaiverAnswer.UNKNOWN:
        return Outcome.UNKNOWN
    if isinstance(error, ScenarioFailed) or not checked.valid:
        return Outcome.FAILED
    if error is not None:
        return Outcome.UNKNOWN
    # Flaky here is a scenario that passed as often as its `repeat` asks for.
    return checked.runs.outcome if checked.runs else Outcome.PASSED


def _fails_as_announced(checked: CheckedRun) -> bool:
    from pytest_flink_agents.checks.waiver import WaiverAnswer

    return checked.waiver is WaiverAnswer.WAIVED


def _message(error: BaseException | None, checked: CheckedRun | None, report: pytest.TestReport) -> str:
    """Return the result's message, one line.

    The text about a known failure comes before the first finding of the checks.
    """
    if isinstance(error, HostError):
        # Without its place: a long path, which the detail holds.
        return f"{error.problems[0].code}: {error.problems[0].message}"
    known = checked is not None and checked.waiver is not None
    if checked is not None and checked.headline and not known:
        return f"{checked.runs}: {checked.headline}" if checked.runs else checked.headline
    if error is not None:
        return str(error).partition("\n")[0] or type(error).__name__
    # A strict xfail that passed fails without an error.
    return report.longreprtext.partition("\n")[0] if report.failed else ""
