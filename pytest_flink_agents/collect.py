"""Collect scenario files, order the items and record the selection."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_flink_agents.current import DESELECTED, SESSION, SETTINGS, SHARD, is_worker, session_of
from pytest_flink_agents.scenario_item import SCENARIO_SUFFIXES, ScenarioFile, ScenarioItem
from pytest_flink_agents.vocabulary import Tier

# Fixtures that use the session's running parts.
_FIXTURES = frozenset(
    {
        "agent_runner",
        "agent_script",
        "effects",
        "flink_cluster",
        "flink_cluster_factory",
        "kafka_service",
        "kafka_topic",
        "llm_server",
    }
)


def scenario_file(path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """Return the collector of a scenario file, None for any other file."""
    if not path.name.endswith(SCENARIO_SUFFIXES):
        return None
    session_of(parent.config)
    return ScenarioFile.from_parent(parent, path=path)


def is_run_folder(path: Path, config: pytest.Config) -> bool:
    """Return whether a path is the run folder of an earlier session, which has a directory for each of its scenarios."""
    if path.parent != config.stash[SETTINGS].report_dir:
        return False
    # Imported here: few paths lie in the directory of the reports.
    from pytest_flink_agents.report.directory import is_run

    return is_run(path)


def scenario_items(items: Sequence[pytest.Item]) -> list[ScenarioItem]:
    """Return the scenarios among pytest's items."""
    return [item for item in items if isinstance(item, ScenarioItem)]


def needs_session(item: pytest.Item) -> bool:
    """Return whether an item needs the session's running parts.

    Scenarios do, and tests that use one of the plugin's fixtures.
    """
    return isinstance(item, ScenarioItem) or bool(_FIXTURES.intersection(getattr(item, "fixturenames", ())))


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Run Python tests on each tier and each of several Flink versions.

    Only tests that use the fixture ``flink_tier`` or ``flink_version``, directly or through
    another.
    """
    settings = metafunc.config.stash[SETTINGS]
    if "flink_tier" in metafunc.fixturenames:
        metafunc.parametrize("flink_tier", settings.tiers, ids=map(str, settings.tiers), indirect=True)
    if "flink_version" in metafunc.fixturenames and len(settings.flink_versions) > 1:
        releases = session_of(metafunc.config).releases
        labels = [release.label for release in releases]
        metafunc.parametrize("flink_version", releases, ids=labels, indirect=True, scope="session")


def keep_shard(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the items of other shards if ``--flink-shard`` is given."""
    asked = config.stash[SETTINGS].shard
    if asked is None:
        return
    from pytest_flink_agents.gate import Shard

    shard = Shard.of((item.nodeid for item in items), *asked)
    others = [item for item in items if not shard.has(item.nodeid)]
    config.stash[SHARD] = (shard, others)
    if others:
        config.hook.pytest_deselected(items=others)
        # They run elsewhere.
        tests_of_others = len(others) - len(scenario_items(others))
        config.stash[DESELECTED] = config.stash.get(DESELECTED, 0) - tests_of_others
        items[:] = [item for item in items if shard.has(item.nodeid)]


def count_deselected(items: Sequence[pytest.Item]) -> None:
    """Count the plain tests among items that are left out."""
    for item in items:
        if not isinstance(item, ScenarioItem):
            item.config.stash[DESELECTED] = item.config.stash.get(DESELECTED, 0) + 1


def arrange(items: list[pytest.Item]) -> None:
    """Put scenarios of the local tier first.

    They have run before a cluster has started. Order within a tier stays.

    The logs of the session's cluster are watched for Python tests that use it; ``agent_runner``
    watches its own runs.
    """
    places = [index for index, item in enumerate(items) if isinstance(item, ScenarioItem)]
    in_order = sorted(scenario_items(items), key=lambda item: item.tier is not Tier.LOCAL)
    for place, item in zip(places, in_order, strict=True):
        items[place] = item
    for each in items:
        names = getattr(each, "fixturenames", [])
        if "flink_cluster" in names and not {"agent_runner", "flink_cluster_logs"}.intersection(names):
            names.insert(0, "flink_cluster_logs")


def record_selection(session: pytest.Session) -> None:
    """Record the selected scenarios, their files, and the selection's limits.

    A worker of pytest-xdist also creates the run folder if its items need the session: the folder's
    existence makes the controller serve its clusters.
    """
    config = session.config
    if SESSION not in config.stash:
        if is_worker(config) and any(map(needs_session, session.items)):
            session_of(config).make_folder()
        return
    from pytest_flink_agents.selection import selection_of, tiers_left_out

    gate_session = config.stash[SESSION]
    shard, others = config.stash.get(SHARD, (None, []))
    # All shards name the same files, so that their reports can be joined.
    scenarios = scenario_items([*session.items, *others])
    gate_session.add_scenarios(item.loaded for item in scenarios)
    left_out = gate_session.collected - {item.nodeid for item in scenarios}
    selection = selection_of(config, gate_session.collected_files, deselected=len(left_out))
    selection = dataclasses.replace(
        selection,
        shard=shard,
        tiers_left_out=tiers_left_out(scenarios, gate_session.settings.tiers_left_out),
        deselected_tests=config.stash.get(DESELECTED, 0),
    )
    gate_session.update(selection=selection)
    if is_worker(config) and any(map(needs_session, session.items)):
        gate_session.make_folder()


def _judges_tests(session: pytest.Session) -> bool:
    """Return whether the session has a verdict although it may have no scenario.

    The controller of pytest-xdist has no items of its own: it begins when a worker has collected.
    """
    config = session.config
    return bool(session.items) and config.stash[SETTINGS].gate and not is_worker(config)


def require_run_folder(session: pytest.Session) -> None:
    """Create the run folder, and write what is selected, if items are about to run that are judged.

    Raises ``pytest.UsageError`` if it cannot be created.
    """
    config = session.config
    stops_here = config.option.collectonly or (session.testsfailed and not config.option.continue_on_collection_errors)
    if stops_here or not (scenario_items(session.items) or _judges_tests(session)):
        return
    from flink_testbed.core.problem import HostError

    try:
        config.stash[SESSION].begin()
    except HostError as error:
        raise pytest.UsageError(str(error)) from None
