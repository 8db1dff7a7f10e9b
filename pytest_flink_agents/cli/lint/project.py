"""The project of a path, found as pytest finds it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.options import settings_of
from pytest_flink_agents.scenario.boundary.project import Project


def project_of(paths: Iterable[Path]) -> Project:
    """Return the project that pytest would load these files in.

    No ``conftest.py`` runs.

    Raises ``HostError`` FA421 for an ini file with an invalid value.
    """
    arguments = ["--noconftest", "--capture=no", *(str(path) for path in paths)]
    try:
        config = pytest.Config.fromdictargs({}, arguments)
        return Project.of(settings_of(config))
    except pytest.UsageError as error:
        raise HostError(Problem("FA421", str(error))) from None
