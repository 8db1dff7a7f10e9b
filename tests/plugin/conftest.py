"""The fixture of the plugin's tests."""

from __future__ import annotations

import os

import pytest
from plugin_project import CACHE, Project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty user project with the agents of ``shop.py``."""
    for name in [name for name in os.environ if name.startswith("FLINK_AGENTS_TEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(CACHE))
    return Project(pytester)
