"""The project of a path, found as pytest finds it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.options import settings_of
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.settings import Settings


def project_of(paths: Iterable[Path]) -> Project:
    """Return the project that pytest would load these files in."""
    return Project.of(settings_in(paths))


def settings_in(paths: Iterable[Path], options: Iterable[str] = ()) -> Settings:
    """Return the settings of a pytest session over these files, with ``options`` of the command line.

    No ``conftest.py`` runs.

    Raises ``HostError`` FA421 for an option or an ini file with an invalid value.
    """
    # Without rewriting of assertions: pytest warns of modules that are imported already, and a project may turn its
    # warnings into errors.
    arguments = ["--assert=plain", "--noconftest", "--capture=no", *options, *(str(path) for path in paths)]
    try:
        return settings_of(pytest.Config.fromdictargs({}, arguments))
    except pytest.UsageError as error:
        raise HostError(Problem("FA421", str(error))) from None
