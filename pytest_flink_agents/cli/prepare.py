"""``flink-agents-gate prepare``: fill the cache, so that later sessions need no network."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from flink_testbed.artifacts.versions import FlinkLine, FlinkRelease, resolve_flink
from flink_testbed.containers.engine import connect
from flink_testbed.kafka.home import provide_kafka
from flink_testbed.kafka.image import require_kafka_image
from pytest_flink_agents.cli.lint.project import settings_in
from pytest_flink_agents.cli.lint.targets import Kind, targets
from pytest_flink_agents.provision.job_parts import JobParts
from pytest_flink_agents.run.action_topic import needs_action_store
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
    # The project's plugins do not run here: any model format may be one of theirs.
    project = dataclasses.replace(Project.of(settings), model_formats=None)
    files = [target.path for target in targets(paths) if target.kind is Kind.SCENARIO]
    scenarios = [loaded for file in files for loaded in load_file(file, project)]
    releases = tuple(dict.fromkeys(resolve_flink(asked, settings.flink_agents) for asked in settings.flink_versions))
    chosen = {release: [one for one in scenarios if _runs(settings, release, one)] for release in releases}
    lines = [line for release in releases for line in _release(settings, release, chosen[release])]
    if not settings.kafka_bootstrap and any(_needs_kafka(settings, chosen[release]) for release in releases):
        # A session has one broker, that of its first version.
        lines.append(_kafka(settings, releases[0].line))
    return 0, "\n".join(lines)


def _runs(settings: Settings, release: FlinkRelease, loaded: LoadedScenario) -> bool:
    """Return whether the session runs a scenario on a release."""
    tiers = loaded.scenario.tiers
    return loaded.scenario.allows_flink(release.version) and (
        tiers is None or not set(tiers).isdisjoint(settings.tiers)
    )


def _has_flink(settings: Settings) -> bool:
    return set(settings.tiers) != {Tier.LOCAL}


def _needs_kafka(settings: Settings, scenarios: Sequence[LoadedScenario]) -> bool:
    """Return whether the session may need Kafka's connector and a broker for the scenarios."""
    return _has_flink(settings) or any(map(needs_action_store, scenarios))


def _release(settings: Settings, release: FlinkRelease, scenarios: Sequence[LoadedScenario]) -> Iterator[str]:
    """Provide the parts of one release and yield a line for each: those of each list of requirements first."""
    flink = f"Flink {release.version}"
    with tempfile.TemporaryDirectory() as directory:
        for requirements in _requirement_lists(settings, scenarios):
            parts = JobParts(
                settings,
                release,
                requirements,
                run_id="prepare",
                directory=Path(directory),
                progress=_progress,
            )
            yield f"{flink}: job environment with {' '.join(requirements) or 'no requirements'}: {parts.environment.python}"
            if Tier.CONTAINER in settings.tiers:
                containers = parts.containers
                containers.close()
                yield f"{flink}: container image {containers.image.reference}"
        if _has_flink(settings):
            yield f"{flink}: Java {parts.java.version} from {parts.java.source}"
        if _needs_kafka(settings, scenarios):
            yield f"{flink}: {parts.connector.name}"


def _kafka(settings: Settings, line: FlinkLine) -> str:
    """Provide the files or the image of the session's broker."""
    if settings.kafka_image or settings.jobs_in_containers:
        with contextlib.closing(connect()) as engine:
            image = require_kafka_image(
                engine, line, image=settings.kafka_image, base=settings.flink_base_image, progress=_progress
            )
            return f"Kafka: container image {image}"
    return f"Kafka {provide_kafka(line, progress=_progress).version}"


def _requirement_lists(settings: Settings, scenarios: Sequence[LoadedScenario]) -> list[tuple[str, ...]]:
    """Return the distinct lists of requirements of a release's job environments, the project's first."""
    own = (settings.with_requirements(loaded.requirements()) for loaded in scenarios)
    return list(dict.fromkeys([settings.requirements, *own]))


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")
