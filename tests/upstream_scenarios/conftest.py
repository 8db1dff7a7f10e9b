"""These scenarios are for flink-agents 0.1, whose agents have another API: ``make test-versions`` plays them with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.current import SETTINGS


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Without that release there is nothing to collect here."""
    return None if config.stash[SETTINGS].flink_agents.startswith("0.1") else True
