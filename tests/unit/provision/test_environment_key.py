"""The names of test environments."""

from __future__ import annotations

import pytest

from pytest_flink_agents.provision.environment_key import EnvironmentKey

USUAL = ("requests==2.32",)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        (EnvironmentKey("2.2.1", USUAL), "2.2.1"),
        (EnvironmentKey("2.2.1", USUAL, apart=True), "2.2.1"),
        (EnvironmentKey("2.2.1", USUAL, "c" * 40, "0.3.0"), "2.2.1, flink-agents 0.3.0, commit cccccccccccc"),
    ],
)
def test_only_differences_are_named(key: EnvironmentKey, text: str) -> None:
    assert key.text(USUAL) == text


def test_other_requirements_are_another_name() -> None:
    names = {EnvironmentKey("2.2.1", (*USUAL, added)).text(USUAL) for added in ("rich==14.0", "rich==15.0")}
    assert len(names) == 2
    assert all(name.startswith("2.2.1, requirements ") for name in names)
