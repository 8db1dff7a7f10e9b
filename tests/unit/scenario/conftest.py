"""A valid scenario as text, and the results of loading files made from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flink_testbed.core import clock
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario, load_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flink_testbed.core.problem import Problem

SOUND = """\
version: "1"
name: refund is approved once
agent: shop.agents:RefundAgent
inputs:
  - {key: "c-1", value: {order: "o-1", amount: 20}}
expect:
  outputs:
    - {key: "c-1", value: {status: approved}}
"""


AGENTS = """\
import os
from shop.tools import refund
from subprocess import getoutput


class RefundAgent:
    def pay(self): ...
"""


@pytest.fixture(autouse=True)
def modules(tmp_path: Path) -> None:
    """Write the modules that the scenarios of these tests name; none of them is imported."""
    for name, text in {"shop/__init__.py": "", "shop/agents.py": AGENTS, "agents.py": "class A: ...\n"}.items():
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    (tmp_path / "shop/tools.py").write_text("def refund(order): ...\n")


@pytest.fixture(autouse=True)
def december(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the date to 2026-12-01 UTC, since the dates of known failures are bounded."""
    monkeypatch.setattr(clock, "wall_time_s", lambda: 1796083200.0)


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., LoadedScenario]:
    """Return the scenario of a text, loaded as ``x.scenario.yaml`` in the project root ``tmp_path``."""

    def load_text(text: str, **options: Any) -> LoadedScenario:
        file = tmp_path / "x.scenario.yaml"
        file.write_text(text, encoding="utf-8")
        (scenario,) = load_file(file, Project(tmp_path, **options))
        return scenario

    return load_text


@pytest.fixture
def problems(tmp_path: Path) -> Callable[[str | bytes], list[Problem]]:
    """Return the problems of a text, loaded as ``x.scenario.yaml`` in the project root ``tmp_path``."""

    def problems_of(text: str | bytes) -> list[Problem]:
        file = tmp_path / "x.scenario.yaml"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(ScenarioError) as caught:
            load_file(file, Project(tmp_path))
        return list(caught.value.problems)

    return problems_of


@pytest.fixture
def sound() -> str:
    """A valid scenario; tests append their lines to it at the left margin."""
    return SOUND
