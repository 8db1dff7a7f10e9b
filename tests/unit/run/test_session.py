"""The session's parts are asked for by several threads at once, one for each of its other processes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.provision import services as session_module
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.settings import Settings


class SlowlyMade:
    """A workplace that takes its time."""

    def __init__(self, *arguments: Any, directory: Path, **named: Any) -> None:
        time.sleep(0.01)
        self.directory = directory


def test_a_workplace_is_made_once_and_has_a_directory_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two of one kind would be two clusters, of which one is never ended."""
    monkeypatch.setattr(session_module, "TestEnvironment", SlowlyMade)
    settings = Settings(root=tmp_path, python_path=())
    session = Services(settings, directory=tmp_path, progress=print, redactor=Redactor({}))
    release = resolve_flink("2.2")
    wanted = [(), (), ("a",), ("b",), ("a",), ("b",), ("c",), ()]
    with ThreadPoolExecutor(len(wanted)) as pool:
        made = list(pool.map(lambda requirements: session.environment(release, requirements), wanted))
    assert [wanted[made.index(workplace)] for workplace in made] == wanted
    assert len({workplace.directory for workplace in made}) == len(set(wanted)) == 4
