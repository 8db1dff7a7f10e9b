"""Requests that are asked again with Java."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.responder import RefusedError
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.java_parts import asked_with_java
from pytest_flink_agents.run.subject import AgentRefusedError


def refusal(kind: str) -> RefusedError:
    return RefusedError({"kind": kind, "message": "the agent has parts in Java: tool stock"})


def environment(root: Path) -> TestEnvironment:
    """The parts of a test environment that these requests need."""
    parts = SimpleNamespace(
        settings=SimpleNamespace(root=root),
        java=SimpleNamespace(home=Path("/java")),
        java_bridge=(Path("/bridge.jar"), Path("/flink.jar")),
    )
    return cast("TestEnvironment", parts)


def test_an_agent_without_java_is_asked_once(tmp_path: Path) -> None:
    asked: list[Mapping[str, Any]] = []

    def ask(config: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(config)
        return {"outputs": []}

    assert asked_with_java(ask, {"a": 1}, environment(tmp_path)) == {"outputs": []}
    assert asked == [{"a": 1}]


def test_an_agent_with_java_is_asked_again_with_its_jars_first(tmp_path: Path) -> None:
    (tmp_path / "shop.jar").touch()
    asked: list[Mapping[str, Any]] = []

    def ask(config: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(config)
        if "java.home" not in config:
            raise refusal("java")
        return {}

    asked_with_java(ask, {"java": {"class-path": ["shop.jar"]}}, environment(tmp_path))
    assert asked[1] == {
        "java.home": "/java",
        "java.class-path": [str(tmp_path / "shop.jar"), "/bridge.jar", "/flink.jar"],
    }


@pytest.mark.parametrize("kind", ["plan", "internal"])
def test_another_refusal_stays_one(tmp_path: Path, kind: str) -> None:
    def ask(config: Mapping[str, Any]) -> dict[str, Any]:
        raise refusal(kind)

    with pytest.raises(RefusedError):
        asked_with_java(ask, {}, environment(tmp_path))


def test_a_jar_that_does_not_exist_is_named(tmp_path: Path) -> None:
    def ask(config: Mapping[str, Any]) -> dict[str, Any]:
        raise refusal("java")

    with pytest.raises(AgentRefusedError, match=r"a jar of the option java.class-path does not exist(?s:.*)no\.jar"):
        asked_with_java(ask, {"java.class-path": ["no.jar"]}, environment(tmp_path))


def test_java_does_not_travel_to_a_cluster_without_this_machines_files(tmp_path: Path) -> None:
    def ask(config: Mapping[str, Any]) -> dict[str, Any]:
        raise refusal("java")

    with pytest.raises(
        AgentRefusedError, match="tool stock; the bundled engine runs them on the tiers local and embedded"
    ):
        asked_with_java(ask, {}, environment(tmp_path), shares_files=False)
