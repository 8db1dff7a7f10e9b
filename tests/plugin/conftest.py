"""The fixture of the plugin's tests."""

from __future__ import annotations

import pytest
from plugin_project import Project, new_project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty user project with the agents of ``shop.py``."""
    return new_project(pytester, monkeypatch)
