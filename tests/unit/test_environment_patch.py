"""The import of upstream's environments is seen, and only that."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from pytest_flink_agents.environment_patch import MODULE, EnvironmentPatch

DOOR = """
class AgentsExecutionEnvironment:
    @staticmethod
    def get_execution_environment(env, t_env=None):
        return "upstream's", env, t_env
"""


@pytest.fixture
def upstream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Import a module of upstream's name, which nothing else here has."""
    package = tmp_path / "flink_agents" / "api"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    (package / "execution_environment.py").write_text(DOOR)
    monkeypatch.syspath_prepend(tmp_path)
    # Without that of this session, which would go with the first import.
    monkeypatch.setattr(sys, "meta_path", [each for each in sys.meta_path if not isinstance(each, EnvironmentPatch)])
    yield lambda: importlib.import_module(MODULE).AgentsExecutionEnvironment
    for name in [name for name in sys.modules if name.partition(".")[0] == "flink_agents"]:
        del sys.modules[name]


def is_routed(door) -> bool:
    return hasattr(door.get_execution_environment, "upstreams")


@pytest.mark.parametrize("imported_before", [True, False])
def test_the_door_is_routed_while_the_session_lasts(upstream, imported_before: bool) -> None:
    """Imported before or after the plugin was loaded; with a Flink environment it stays upstream's."""
    if imported_before:
        upstream()
    route, finders = EnvironmentPatch(7), list(sys.meta_path)
    route.apply()
    door = upstream()
    assert is_routed(door)
    assert door.get_execution_environment("flink's") == ("upstream's", "flink's", None)
    assert sys.meta_path == finders, "what was seen once needs no more looking"
    route.undo()
    assert not is_routed(door)


def test_other_imports_are_left_alone() -> None:
    """Nothing is found for them, and at the end of a session that never needed it nothing is left."""
    route, finders = EnvironmentPatch(None), list(sys.meta_path)
    route.apply()
    assert route.find_spec("flink_agents.api.agents", None) is None
    assert MODULE not in sys.modules
    route.undo()
    assert sys.meta_path == finders
