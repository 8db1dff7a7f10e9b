"""Several threads ask for the session's parts at once, one for each pytest-xdist worker."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.provision import services as services_module
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.settings import Settings


class SlowlyMade:
    """A test environment that takes time to make."""

    def __init__(self, *arguments: Any, directory: Path, **named: Any) -> None:
        time.sleep(0.01)
        self.requirements = arguments[2]
        self.directory = directory


def test_a_test_environment_is_made_once_and_has_its_own_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services_module, "TestEnvironment", SlowlyMade)
    settings = Settings(root=tmp_path, python_path=())
    services = Services(settings, directory=tmp_path, progress=print, redactor=Redactor({}))
    release = resolve_flink("2.2")
    wanted = [(), (), ("a",), ("b",), ("a",), ("b",), ("c",), ()]
    with ThreadPoolExecutor(len(wanted)) as pool:
        made = list(pool.map(lambda requirements: services.environment(release, requirements), wanted))
    assert [wanted[made.index(environment)] for environment in made] == wanted
    assert len({environment.directory for environment in made}) == len(set(wanted)) == 4


def test_a_scenarios_requirements_are_added_to_the_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services_module, "TestEnvironment", SlowlyMade)
    settings = Settings(root=tmp_path, python_path=(), requirements=("rich", "pandas"))
    services = Services(settings, directory=tmp_path, progress=print, redactor=Redactor({}))
    release = resolve_flink("2.2")
    made: Any = services.environment(release, ("orjson", "rich"))
    assert made.requirements == ("rich", "pandas", "orjson")
    assert services.environment(release, made.requirements) is made, "a worker names all of its own"
    assert services.environment(release).directory.name == "flink-2.2.1"
