"""The pytest plugin: hooks only. Unused, it imports nothing heavy, opens nothing and prints nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents import collect, options
from pytest_flink_agents.current import FIRST_PROCESS, LEAKS, PLAN, REPORTS, RESULT, ROUTE, SETTINGS, VERDICT
from pytest_flink_agents.fixtures import (
    agent_runner,
    agent_script,
    flink_cluster,
    flink_cluster_factory,
    flink_cluster_logs,
    flink_tier,
    flink_version,
    kafka_service,
    kafka_topic,
    llm_server,
)
from pytest_flink_agents.route import Route

if TYPE_CHECKING:
    from pytest_flink_agents.gate import ItemResult
    from pytest_flink_agents.session import SessionPlan
    from pytest_flink_agents.xdist import Assignment

__all__ = [
    "agent_runner",
    "agent_script",
    "flink_cluster",
    "flink_cluster_factory",
    "flink_cluster_logs",
    "flink_tier",
    "flink_version",
    "kafka_service",
    "kafka_topic",
    "llm_server",
]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    options.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings, so that a wrong one is told at once. Under the gate a session is judged, whatever it collects."""
    config.stash[REPORTS] = {}
    config.addinivalue_line("markers", "log_allow(pattern, ...): errors that the cluster may log meanwhile")
    config.stash[SETTINGS] = options.settings_of(config)
    config.stash[ROUTE] = Route(config.stash[SETTINGS].scenario_seed)
    config.stash[ROUTE].open()
    if getattr(config.option, "dist", "no") != "no" and not hasattr(config, "workerinput"):
        from pytest_flink_agents.xdist import FirstProcess

        config.stash[FIRST_PROCESS] = FirstProcess(config, _keep, plan_of)
        config.pluginmanager.register(config.stash[FIRST_PROCESS], "flink-agents-first-process")
    if config.stash[SETTINGS].gate and not config.option.collectonly:
        plan_of(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """The session's seed, so that whatever failed can be had again."""
    seed = config.stash[SETTINGS].scenario_seed
    return f"flink agents: --scenario-seed={seed}" if seed is not None else None


def plan_of(config: pytest.Config) -> SessionPlan:
    """The session's plan, made when first needed."""
    if PLAN not in config.stash:
        from pytest_flink_agents.session import SessionPlan

        settings, tell, given = config.stash[SETTINGS], _progress(config), _assignment(config)
        if given:
            process: str = config.workerinput["workerid"]  # type: ignore[attr-defined]  # pytest-xdist's
            config.stash[PLAN] = SessionPlan(
                settings, tell, folder=given.folder, broker_address=given.broker_address, process=process
            )
        else:
            first = config.stash.get(FIRST_PROCESS, None)
            config.stash[PLAN] = SessionPlan(settings, tell, folder=first.assignment.folder if first else None)
    return config.stash[PLAN]


def _assignment(config: pytest.Config) -> Assignment | None:
    """What the session's first process told this one; None where this is the only process, or the first."""
    if not hasattr(config, "workerinput"):
        return None
    from pytest_flink_agents.xdist import assignment_of

    return assignment_of(config)


def _progress(config: pytest.Config) -> Callable[[str], None]:
    """Progress lines of their own, past pytest's capture; none with ``-q`` or without a terminal."""

    def tell(line: str) -> None:
        # Looked up late: at configure time the reporter may not be there yet.
        reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
        capture: Any = config.pluginmanager.get_plugin("capturemanager")
        if reporter and config.get_verbosity() >= 0:
            with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
                reporter.ensure_newline()
                reporter.write_line(f"[flink-agents] {line}", cyan=True)

    return tell


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Take ``*.scenario.yaml``."""
    if not collect.is_scenario_file(file_path):
        return None
    plan_of(parent.config)
    return collect.ScenarioFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """A file that cannot be collected is a result too: what it holds did not run."""
    report = yield
    if report.failed and PLAN in collector.config.stash and collector.config.stash[SETTINGS].gate:
        from pytest_flink_agents.results import not_collected

        _keep_or_send(collector.config, report, not_collected(collector, report))
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A Python test that asks for a tier runs on each, and with several Flink versions on each of these."""
    settings = metafunc.config.stash[SETTINGS]
    if "flink_tier" in metafunc.fixturenames:
        metafunc.parametrize("flink_tier", settings.tiers, indirect=True)
    if "flink_version" in metafunc.fixturenames and len(settings.flink_versions) > 1:
        releases = plan_of(metafunc.config).releases
        labels = [release.label for release in releases]
        metafunc.parametrize("flink_version", releases, ids=labels, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each its place, and what it needs beside what it asks for."""
    collect.arrange(items)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """The verdict will say what it does not speak of."""
    scenarios = collect.scenario_items(items)
    if scenarios:
        scenarios[0].config.stash[PLAN].deselected += len(scenarios)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """What is tested is what was selected. Before the session's first process hears of it, the run folder is there."""
    config = session.config
    for item in collect.scenario_items(session.items):
        config.stash[PLAN].add_scenario(item.loaded)
    if _assignment(config) and any(map(collect.needs_session, session.items)):
        plan_of(config).make_folder()


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """No scenario runs without a place for its report."""
    config = session.config
    stops_here = config.option.collectonly or (session.testsfailed and not config.option.continue_on_collection_errors)
    if collect.scenario_items(session.items) and not stops_here:
        with _unwritable_is_usage():
            config.stash[PLAN].make_folder()


@contextlib.contextmanager
def _unwritable_is_usage() -> Generator[None, None, None]:
    from flink_testbed.core.problem import HostError

    try:
        yield
    except HostError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Keep what the verdict needs of each phase."""
    if PLAN in item.config.stash and call.excinfo and not item.config.getoption("fulltrace", False):
        from pytest_flink_agents.results import end_at_our_door

        end_at_our_door(call.excinfo.value)
    report = yield
    if PLAN in item.config.stash and (report.when == "call" or report.outcome != "passed"):
        from pytest_flink_agents.results import item_result

        result = item_result(item, call, report, item.stash.get(RESULT, None), item.config.stash[PLAN])
        _keep_or_send(item.config, report, result)
    return report


def _keep_or_send(config: pytest.Config, report: pytest.TestReport | pytest.CollectReport, result: ItemResult) -> None:
    if _assignment(config):
        from pytest_flink_agents.xdist import fasten

        fasten(report, result)
    else:
        _keep(config, result)


def _keep(config: pytest.Config, result: ItemResult) -> None:
    """One result an item: an error at its end overrules that it passed, nothing overrules a failure."""
    from pytest_flink_agents.gate import Outcome

    reports = config.stash[REPORTS]
    known = reports.get(result.node_id)
    if known is None or known.outcome in (Outcome.PASSED, Outcome.SKIPPED, Outcome.WAIVED):
        reports[result.node_id] = result
    if result.tier:
        config.stash[PLAN].record(
            "scenario_finished",
            node_id=result.node_id,
            outcome=result.outcome.value,
            duration_s=round(result.duration_s, 3),
        )


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End what runs, decide, write the report; under the gate the exit code is the verdict's."""
    config = session.config
    if PLAN in config.stash:
        config.stash[PLAN].close(failed=bool(exitstatus))
    leaks = _leaks(config)
    if leaks and int(exitstatus) == pytest.ExitCode.OK:
        session.exitstatus = exitstatus = pytest.ExitCode.TESTS_FAILED
    if PLAN not in config.stash:
        return
    plan, reports = config.stash[PLAN], config.stash[REPORTS]
    plan.leaks = leaks
    if _assignment(config):
        from pytest_flink_agents.xdist import hand_over

        hand_over(config, plan, _unreached(session, plan))
        return
    if config.option.collectonly or not (plan.settings.gate or any(result.tier for result in reports.values())):
        return
    from pytest_flink_agents.gate import exit_code
    from pytest_flink_agents.results import left_behind

    with _unwritable_is_usage():
        first = config.stash.get(FIRST_PROCESS, None)
        for result in first.unreached() if first else _unreached(session, plan):
            if result.node_id not in reports:
                _keep(config, result)
        plan.results = [*reports.values(), *(left_behind(leak) for leak in leaks)]
        verdict = plan.conclude(int(exitstatus))
    config.stash[VERDICT] = verdict
    if plan.settings.gate:
        session.exitstatus = exit_code(verdict, int(exitstatus))


def _leaks(config: pytest.Config) -> list[str]:
    """What should have ended with the session. Where none of our programs was ever started, nobody looks."""
    if LEAKS not in config.stash:
        config.stash[LEAKS] = list(config.stash[PLAN].leaks) if PLAN in config.stash else []
        if "flink_testbed.ownership.process" in sys.modules:
            from pytest_flink_agents.provision.leaks import process_leaks

            config.stash[LEAKS] += process_leaks()
    return config.stash[LEAKS]


def _unreached(session: pytest.Session, plan: SessionPlan) -> list[ItemResult]:
    """What was selected and the verdict speaks of, as it stands where it never began."""
    from pytest_flink_agents.results import not_reached

    items = session.items if plan.settings.gate else collect.scenario_items(session.items)
    return [not_reached(item, plan) for item in items]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What was left behind, and the answer, last."""
    for leak in config.stash.get(LEAKS, []):
        terminalreporter.write_line(f"FA503: left behind: {leak}", red=True)
    for line in config.stash[PLAN].left if PLAN in config.stash else ():
        terminalreporter.write_line(line, yellow=True)
    if VERDICT not in config.stash:
        return
    from pytest_flink_agents.report.terminal import verdict_lines

    plan = config.stash[PLAN]
    report = plan.folder / "summary.md"
    shown = report.relative_to(config.rootpath) if report.is_relative_to(config.rootpath) else report
    terminalreporter.write_sep("=", "flink agents gate" if plan.settings.gate else "flink agents")
    for text, markup in verdict_lines(config.stash[VERDICT], plan.results, str(shown), plan.redactor):
        terminalreporter.write_line(text, **markup)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Nothing outlives the session, whatever ended it."""
    if ROUTE in config.stash:
        config.stash[ROUTE].close()
    if PLAN in config.stash:
        config.stash[PLAN].close()
    if FIRST_PROCESS in config.stash:
        config.stash[FIRST_PROCESS].close()
