"""The pytest plugin: hooks only.

Unused, it imports nothing heavy, opens nothing and prints nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents import collect, current, fixtures, hooks, options
from pytest_flink_agents.current import FAILURES, PATCH, PROGRESS, SESSION, SETTINGS
from pytest_flink_agents.environment_patch import EnvironmentPatch
from pytest_flink_agents.failed_reports import FailedReports
from pytest_flink_agents.progress import ProgressLines


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks that other plugins may implement."""
    pluginmanager.add_hookspecs(hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare options and ini values."""
    options.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Retire the verdict of an earlier run, before a conftest.py can end the process."""
    reports = options.gate_reports(early_config)
    if reports is not None:
        from pytest_flink_agents.report.directory import retire_latest

        retire_latest(reports)


def pytest_configure(config: pytest.Config) -> None:
    """Read the settings, so that a wrong one is reported at once.

    Under the gate there is always a session, since every run has a verdict.
    """
    config.pluginmanager.register(fixtures, "flink-agents-fixtures")
    config.addinivalue_line("markers", "cross_language: needs upstream's classes in Java and in Python")
    config.addinivalue_line("markers", "log_allow(pattern, ...): errors that the cluster may log during the test")
    settings = config.stash[SETTINGS] = options.settings_of(config)
    config.stash[PATCH] = EnvironmentPatch(settings.scenario_seed)
    config.stash[PATCH].apply()
    config.stash[FAILURES] = FailedReports()
    config.pluginmanager.register(config.stash[FAILURES], "flink-agents-failed-reports")
    config.stash[PROGRESS] = ProgressLines(config)
    config.pluginmanager.register(config.stash[PROGRESS], "flink-agents-progress")
    if getattr(config.option, "dist", "no") != "no" or hasattr(config, "workerinput"):
        from pytest_flink_agents import xdist

        xdist.configure(config)
    if settings.sign_key and not config.option.collectonly and not current.is_worker(config):
        current.provide_signer(config)
    if settings.gate and not config.option.collectonly:
        current.session_of(config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Show the session's seed, so that a failure can be repeated."""
    seed = config.stash[SETTINGS].scenario_seed
    return f"flink agents: --scenario-seed={seed}" if seed is not None else None


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the run folders of earlier sessions: pytest would look at each of their directories."""
    return True if collect.is_run_folder(collection_path, config) else None


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """Collect ``*.scenario.yaml``."""
    return collect.scenario_file(file_path, parent)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Generator[None, Any, Any]:
    """Record a file that cannot be collected, or that skips itself: its tests do not run."""
    report = yield
    if not report.passed and SESSION in collector.config.stash and collector.config.stash[SETTINGS].gate:
        from pytest_flink_agents import results

        results.record_uncollected(collector, report)
    return report


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run Python tests on each tier and each of several Flink versions.

    Only tests that use the fixture ``flink_tier`` or ``flink_version``, directly or through
    another.
    """
    collect.parametrize(metafunc)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the items of this shard, order them, and add the fixture that watches the cluster's logs."""
    collect.keep_shard(config, items)
    collect.arrange(items)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the plain tests that are left out; scenarios are compared with those that were collected."""
    collect.count_deselected(items)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Record the selection, before pytest-xdist reports the collection to the controller."""
    collect.record_selection(session)
    if SESSION in session.config.stash:
        from pytest_flink_agents import results

        results.record_selected(session)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Create the run folder before the first scenario runs."""
    collect.require_run_folder(session)


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Show each place where a value differs from ``matches(...)``."""
    # Loaded by a test that uses it: other sessions do not pay for the matchers.
    matching = sys.modules.get("pytest_flink_agents.scenario.matching.assertion")
    return matching.explained(op, left, right) if matching else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Count the attempts at an item, which another plugin may rerun, and record that it runs."""
    item.stash[current.ATTEMPT] = item.stash.get(current.ATTEMPT, 0) + 1
    if SESSION in item.config.stash:
        item.config.stash[SESSION].item_started(item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, Any]:
    """Record the result of each phase."""
    if SESSION not in item.config.stash:
        return (yield)
    from pytest_flink_agents import item_result, results

    if call.excinfo and not item.config.getoption("fulltrace", False):
        item_result.shorten_traceback(call.excinfo.value)
    report = yield
    results.record_phase(item, call, report)
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """End everything that runs, decide and write the report.

    Under the gate the exit code is the verdict's.
    """
    if current.in_use(session.config):
        from pytest_flink_agents import results

        results.finish(session, exitstatus)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int, config: pytest.Config) -> None:
    """Print leaks and the verdict at the end of the summary."""
    if current.in_use(config):
        from pytest_flink_agents import results

        results.print_summary(terminalreporter, exitstatus, config)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """End everything that still runs after an interrupted session, and keep the exit code true to the verdict."""
    current.require_verdict(config)
    if PATCH in config.stash:
        config.stash[PATCH].undo()
    if SESSION in config.stash:
        config.stash[SESSION].close()
