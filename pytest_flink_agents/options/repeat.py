"""The options that repeat a run of this session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_flink_agents.vocabulary import Engine, RestAuth, Tier

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_flink_agents.settings import Settings


def options_of_run(settings: Settings, tier: Tier) -> list[str]:
    """Return every option that changes a run on a tier, except version and seed.

    Options at their defaults are left out. Paths below the project's root are relative to it.
    """
    from pytest_flink_agents.scenario.boundary.places import shown

    security = settings.kafka_security

    def below_root(path: Path | None) -> str:
        # Only for a path that was given: resolving the root asks the file system, and each item has its options.
        return shown(path, settings.root.resolve()) if path else ""

    values = {
        "--flink-tier": tier,
        "--flink-rest-url": settings.remote.url if settings.remote and tier is Tier.REMOTE else "",
        "--flink-engine": settings.engine if settings.engine is not Engine.AUTO else "",
        "--flink-agents": settings.flink_agents,
        "--flink-job-python": settings.job_python or "",
        "--flink-image": settings.flink_image,
        "--flink-base-image": settings.flink_base_image,
        # Even the default wins over the parallelism of a configuration file if it was named.
        "--flink-parallelism": settings.parallelism if settings.named_parallelism else "",
        "--flink-conf-dir": below_root(settings.configuration.parent if settings.configuration else None),
        "--flink-rest-auth": settings.rest_auth
        if settings.rest_auth is not RestAuth.AUTO and tier is Tier.EMBEDDED
        else "",
        "--kafka-image": settings.kafka_image,
        "--kafka-bootstrap": settings.kafka_bootstrap,
        "--kafka-properties": below_root(security.file if security else None),
        "--llm-mode": settings.llm_mode or "",
        "--llm-cassette-dir": below_root(settings.cassette_dir),
    }
    words = [f"{flag}={value}" for flag, value in values.items() if value]
    return [*words, "--flink-always-replay"] if settings.always_replay else words
