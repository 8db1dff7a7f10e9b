"""The fixture of the suite, and the reasons of a verdict."""

from __future__ import annotations

import pytest

from tests.plugin.plugin_project import Project, new_project


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty user project with the agents of ``shop.py``."""
    return new_project(pytester, monkeypatch)
