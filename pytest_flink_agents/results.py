"""Turn pytest's reports into results, verdict, report and exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.collect import scenario_items
from pytest_flink_agents.current import CHECKED, FAILURES, LEAKS, SESSION, VERDICT, is_worker
from pytest_flink_agents.gate import ItemResult, Outcome, exit_code
from pytest_flink_agents.item_result import phase_result, unstarted
from pytest_flink_agents.scenario_item import ScenarioFile

if TYPE_CHECKING:
    from pytest_flink_agents.session import GateSession


def record_phase(item: pytest.Item, call: pytest.CallInfo[Any], report: pytest.TestReport) -> None:
    """Record the result of one phase of an item, if it counts.

    A setup or teardown counts only if it did not pass.
    """
    if report.when == "call" or report.outcome != "passed":
        _record(item.config, report, phase_result(item, call, report))
    if report.when == "teardown" and CHECKED in item.stash:
        # The last phase: a session of many scenarios must not hold the evidence of all.
        del item.stash[CHECKED]


def record_uncollected(collector: pytest.Collector, report: pytest.CollectReport) -> None:
    """Record a file that pytest could not collect, or plain tests that skip themselves as a whole."""
    # A skip is file, line and reason.
    detail = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    skips_itself = report.skipped and not isinstance(collector, ScenarioFile)
    outcome = Outcome.SKIPPED if skips_itself else Outcome.NOT_RUN
    message = detail.partition("\n")[0].removeprefix(f"{report.nodeid}:")
    file = report.nodeid.partition("::")[0]
    result = ItemResult(report.nodeid, collector.name, outcome, message=message, detail=detail, file=file)
    _record(collector.config, report, result)


def _record(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport, result: ItemResult) -> None:
    if is_worker(config):
        from pytest_flink_agents import xdist

        xdist.attach(report, result)
    else:
        config.stash[SESSION].add_result(result)


def record_selected(session: pytest.Session) -> None:
    """Record a *not run* result for each selected item.

    It counts if the item never starts. Called when the collection ends and again when the session
    does, so that neither items that a hook drops in between nor items that it adds are lost.
    """
    gate_session = session.config.stash[SESSION]
    items = session.items if gate_session.settings.gate else scenario_items(session.items)
    started = {result.node_id for result in gate_session.record.attempts}
    selected = {item.nodeid: unstarted(item) for item in items if item.nodeid not in started}
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
    place = report.relative_to(config.rootpath) if report.is_relative_to(config.rootpath) else report
    shown = str(place) if report.is_file() else f"none, only parts of it in {place.parent}"
    terminalreporter.write_sep("=", "flink agents gate" if gate_session.settings.gate else "flink agents")
    own_exit = None if gate_session.settings.gate else int(exitstatus)
    for text, markup in verdict_lines(config.stash[VERDICT], shown, gate_session.redactor, pytest_exit=own_exit):
        terminalreporter.write_line(text, **markup)
    if gate_session.settings.gate and gate_session.server.on_github:
        from pytest_flink_agents.report.ci.findings import findings_of
        from pytest_flink_agents.report.ci.github import annotation_lines

        found = findings_of(config.stash[VERDICT], gate_session.server, gate_session.redactor)
        for line in annotation_lines(found):
            terminalreporter.write_line(line)
