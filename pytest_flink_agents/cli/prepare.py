"""``flink-agents-gate prepare``: fill the cache, so that later sessions need no network."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from flink_testbed.artifacts.versions import FlinkRelease, resolve_flink
from flink_testbed.containers.engine import connect
from flink_testbed.kafka.home import provide_kafka
from pytest_flink_agents.cli.lint.project import settings_in
from pytest_flink_agents.cli.lint.targets import Kind, targets
from pytest_flink_agents.provision.job_parts import JobParts
from pytest_flink_agents.provision.kafka import provide_broker_image
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Tier


def prepare(paths: Sequence[Path], options: Sequence[str]) -> tuple[int, str]:
    """Provide everything that a session over ``paths`` would install, download or build, and start nothing.

    ``options`` are pytest's. Returns the exit code and a line for each part; progress goes to standard error. Raises
    ``HostError`` for a part that cannot be provided, ``ScenarioError`` for a scenario file that is invalid.
    """
    settings = settings_in(paths, options)
    project = Project.of(settings)
    files = [target.path for target in targets(paths) if target.kind is Kind.SCENARIO]
    scenarios = [loaded for file in files for loaded in load_file(file, project)]
    releases = dict.fromkeys(resolve_flink(asked, settings.flink_agents) for asked in settings.flink_versions)
    return 0, "\n".join(line for release in releases for line in _release(settings, release, scenarios))


def _release(settings: Settings, release: FlinkRelease, scenarios: Sequence[LoadedScenario]) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory:
        for requirements in _requirement_lists(settings, release, scenarios):
            parts = JobParts(
                settings,
                release,
                requirements,
                run_id="prepare",
                directory=Path(directory),
                progress=_progress,
            )
            yield from _parts(settings, parts)


def _parts(settings: Settings, parts: JobParts) -> Iterator[str]:
    flink = f"Flink {parts.release.version}"
    environment = parts.environment
    yield f"{flink}: job environment with {' '.join(parts.requirements) or 'no requirements'}: {environment.python}"
    if set(settings.tiers) == {Tier.LOCAL}:
        return
    parts.java  # noqa: B018 - provided by the first access
    yield f"{flink}: Java {parts.java.version} from {parts.java.source}"
    yield f"{flink}: {parts.connector.name}"
    if Tier.CONTAINER in settings.tiers:
        containers = parts.containers
        containers.close()
        yield f"{flink}: container image {containers.image.reference}"
    if settings.kafka_bootstrap:
        return
    if settings.kafka_image or settings.jobs_in_containers:
        with contextlib.closing(connect()) as engine:
            image = provide_broker_image(engine, settings, parts.release.line, progress=_progress)
        yield f"Kafka: container image {image}"
    else:
        yield f"Kafka {provide_kafka(parts.release.line, progress=_progress).version}"


def _requirement_lists(
    settings: Settings, release: FlinkRelease, scenarios: Sequence[LoadedScenario]
) -> dict[tuple[str, ...], None]:
    """Return the distinct lists of requirements of the release's job environments, the project's first."""
    lists = {settings.requirements: None}
    for loaded in scenarios:
        tiers = loaded.scenario.tiers
        if loaded.scenario.allows_flink(release.version) and (tiers is None or set(tiers).intersection(settings.tiers)):
            lists[settings.with_requirements(loaded.requirements())] = None
    return lists


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")
