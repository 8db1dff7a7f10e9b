"""Turn pytest's reports into results, verdict, report and exit code."""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import flink_testbed
import pytest_flink_agents
from flink_testbed.core.problem import HostError, ProblemError
from pytest_flink_agents.collect import scenario_items
from pytest_flink_agents.current import ATTEMPT, CHECKED, FAILURES, LEAKS, NOT_READY, SESSION, VERDICT, is_worker
from pytest_flink_agents.gate import ItemResult, Outcome, exit_code
from pytest_flink_agents.scenario_item import ScenarioFailed, ScenarioItem

if TYPE_CHECKING:
    from pytest_flink_agents.run.checked_run import CheckedRun
    from pytest_flink_agents.session import GateSession
    from pytest_flink_agents.vocabulary import Promise

# Frames of these packages are cut from tracebacks: they are below the test's own call.
_OWN_PACKAGES = tuple(f"{Path(str(module.__file__)).parent}{os.sep}" for module in (flink_testbed, pytest_flink_agents))


def record_phase(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    """Record the result of one phase of an item, if it counts.

    A setup or teardown counts only if it did not pass.
    """
    if report.when == "call" or report.outcome != "passed":
        _record(item.config, report, _phase_result(item, call, report))


def record_uncollected(collector: pytest.Collector, report: pytest.CollectReport) -> None:
    """Record a file that pytest could not collect."""
    detail = report.longreprtext
    message = detail.partition("\n")[0].removeprefix(f"{report.nodeid}:")
    file = report.nodeid.partition("::")[0]
    result = ItemResult(report.nodeid, collector.name, Outcome.NOT_RUN, message=message, detail=detail, file=file)
    _record(collector.config, report, result)


def _record(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport, result: ItemResult) -> None:
    if is_worker(config):
        from pytest_flink_agents import xdist

        xdist.attach(report, result)
    else:
        config.stash[SESSION].add_result(result)


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


def _phase_result(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> ItemResult:
    error = item.stash.get(NOT_READY, None) or (call.excinfo.value if call.excinfo else None)
    checked = item.stash.get(CHECKED, None)
    outcome = _outcome(item, error, checked, report)
    tolerated = outcome is Outcome.FLAKY and checked is not None and checked.runs is not None
    result = _unstarted(item)
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
        )
    return dataclasses.replace(
        result,
        outcome=outcome,
        tolerated=tolerated,
        message=_message(item, error, checked, report),
        detail=report.longreprtext if report.failed else checked.text if checked and tolerated else "",
        duration_s=report.duration,
        engine=checked.evidence.engine if checked else "",
        reproduce=item.reproduce if isinstance(item, ScenarioItem) else "",
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


def _promises(item: ScenarioItem, checked: CheckedRun) -> tuple[Promise, ...]:
    from pytest_flink_agents.checks.promises import promises_of

    delivery = item.loaded.scenario.expect.delivery
    stated = (delivery.outputs, delivery.per_input) if delivery else (None, 1)
    return promises_of(checked.evidence, *stated)


def _unstarted(item: pytest.Item) -> ItemResult:
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
    return _checked_outcome(item, error, checked)


def _checked_outcome(item: ScenarioItem, error: BaseException | None, checked: CheckedRun) -> Outcome:
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


def _message(
    item: pytest.Item, error: BaseException | None, checked: CheckedRun | None, report: pytest.TestReport
) -> str:
    """Return the result's message, one line.

    The text about a known failure comes before the first finding of the checks.
    """
    if isinstance(error, HostError):
        # Without its place: a long path, which the detail holds.
        return f"{error.problems[0].code}: {error.problems[0].message}"
    known = checked is not None and checked.waiver is not None
    if checked is not None and checked.headline and not known:
        return f"{checked.runs}: {checked.headline}" if checked.runs else checked.headline
    return str(error or "").partition("\n")[0]


def record_selected(session: pytest.Session) -> None:
    """Record a *not run* result for each selected item.

    It counts if the item never starts. Called when the collection ends and again when the session
    does, so that neither items that a hook drops in between nor items that it adds are lost.
    """
    gate_session = session.config.stash[SESSION]
    items = session.items if gate_session.settings.gate else scenario_items(session.items)
    started = {result.node_id for result in gate_session.record.attempts}
    selected = {item.nodeid: _unstarted(item) for item in items if item.nodeid not in started}
    gate_session.update(selected={**gate_session.record.selected, **selected})


def finish(session: pytest.Session, exitstatus: int) -> None:
    """End everything that runs, decide and write the report.

    Under the gate the exit code is the verdict's.
    """
    config = session.config
    gate_session = config.stash.get(SESSION, None)
    if gate_session is not None:
        gate_session.close(failed=bool(exitstatus))
    leaks = _leaks(config, gate_session)
    if leaks and int(exitstatus) == pytest.ExitCode.OK:
        session.exitstatus = exitstatus = pytest.ExitCode.TESTS_FAILED
    if gate_session is None:
        return
    record_selected(session)
    gate_session.update(leaks=tuple(leaks))
    if is_worker(config):
        from pytest_flink_agents import xdist

        xdist.send_record(config, gate_session)
        return
    judged = gate_session.settings.gate or any(result.tier for result in gate_session.record.attempts)
    if judged and not config.option.collectonly:
        _conclude(session, gate_session, leaks, exitstatus)
    else:
        gate_session.withdraw()


def _conclude(session: pytest.Session, gate_session: GateSession, leaks: list[str], exitstatus: int) -> None:
    for number, leak in enumerate(leaks, start=1):
        # A leak says nothing about the scenarios; but a session that leaks is not to be trusted.
        gate_session.add_result(
            ItemResult(f"session::leak {number}", "leak", Outcome.NOT_RUN, message=_leak_line(leak))
        )
    failures = session.config.stash[FAILURES]
    unexplained = failures.unexplained(session.testsfailed, gate_session.record.attempts)
    session.config.stash[VERDICT] = gate_session.conclude(int(exitstatus), unexplained)
    if gate_session.settings.gate:
        session.exitstatus = exit_code(session.config.stash[VERDICT], int(exitstatus))


def _leaks(config: pytest.Config, gate_session: GateSession | None) -> list[str]:
    """Return the session's leaks.

    Without a started process there is nothing to look for, and psutil is not imported.
    """
    if LEAKS not in config.stash:
        config.stash[LEAKS] = list(gate_session.record.leaks) if gate_session else []
        if "flink_testbed.ownership.process" in sys.modules:
            from pytest_flink_agents.provision.leaks import process_leaks

            config.stash[LEAKS] += process_leaks()
    return config.stash[LEAKS]


def _leak_line(leak: str) -> str:
    return f"FA503: left behind: {leak}"


def print_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Print leaks and the verdict at the end of the summary."""
    for leak in config.stash.get(LEAKS, []):
        terminalreporter.write_line(_leak_line(leak), red=True)
    gate_session = config.stash.get(SESSION, None)
    if gate_session is None:
        return
    for line in gate_session.notices:
        terminalreporter.write_line(line, yellow=True)
    if VERDICT not in config.stash:
        return
    from pytest_flink_agents.report.terminal import verdict_lines

    report = gate_session.summary
    shown = report.relative_to(config.rootpath) if report.is_relative_to(config.rootpath) else report
    terminalreporter.write_sep("=", "flink agents gate" if gate_session.settings.gate else "flink agents")
    own_exit = None if gate_session.settings.gate else int(exitstatus)
    for text, markup in verdict_lines(config.stash[VERDICT], str(shown), gate_session.redactor, pytest_exit=own_exit):
        terminalreporter.write_line(text, **markup)
    if gate_session.settings.gate and gate_session.server.on_github:
        from pytest_flink_agents.report.ci.findings import findings_of
        from pytest_flink_agents.report.ci.github import annotation_lines

        found = findings_of(config.stash[VERDICT], gate_session.server, gate_session.redactor)
        for line in annotation_lines(found):
            terminalreporter.write_line(line)
