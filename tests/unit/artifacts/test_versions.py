"""Supported versions and their combinations."""

from __future__ import annotations

import pytest

from flink_testbed.artifacts.versions import AGENTS_LINES, FLINK_LINES, agents_line, incompatibility, resolve_flink
from flink_testbed.core.problem import HostError


@pytest.mark.parametrize(
    ("asked", "version"), [("1.20", "1.20.5"), ("2.2", "2.2.1"), ("2.1.1", "2.1.1"), ("1.20.3", "1.20.3")]
)
def test_a_minor_version_means_its_newest_patch(asked: str, version: str) -> None:
    assert resolve_flink(asked).version == version


@pytest.mark.parametrize("asked", ["2.20", "1.19", "abc", "", "2", "1.20.2", "2.2.x", "2.2-rc1"])
def test_an_unsupported_version_is_refused_with_the_supported_ones(asked: str) -> None:
    with pytest.raises(HostError) as caught:
        resolve_flink(asked)
    (problem,) = caught.value.problems
    assert problem.code == "FA410"
    assert "1.20, 2.0, 2.1, 2.2, 2.3" in problem.expected


def test_an_unquoted_1_20_is_recognised() -> None:
    """YAML reads it as the number 1.2."""
    with pytest.raises(HostError, match=r"without quotes[\s\S]*did you mean 1\.20"):
        resolve_flink("1.2")


@pytest.mark.parametrize(
    ("flink", "flink_agents", "reason"),
    [
        ("1.20", "0.1.1", ""),
        ("2.2", "0.1.1", "flink-agents 0.1.1 is for Flink 1.20"),
        ("2.3", "0.2.1", "flink-agents 0.2.1 is for Flink 1.20, 2.0, 2.1, 2.2"),
        ("2.3", "0.3.1", ""),
        ("2.3", "", ""),
        ("2.3", "0.9", ""),
        ("2.3", "wheels/flink_agents.whl", ""),
    ],
)
def test_an_impossible_combination_has_a_reason(flink: str, flink_agents: str, reason: str) -> None:
    """Paths and unknown releases have none: only an install can show it."""
    assert incompatibility(resolve_flink(flink).line, flink_agents) == reason


def test_each_supported_combination_has_a_common_python() -> None:
    lines = {line.minor: line for line in FLINK_LINES}
    for agents in AGENTS_LINES:
        for minor in agents.flinks:
            assert set(lines[minor].pythons) & set(agents.pythons), (minor, agents.minor)


def test_the_bundled_engine_runs_the_default_flink_agents() -> None:
    line = agents_line("")
    assert line is not None
    assert "bundled" in line.engines


def test_the_newest_patch_is_labelled_by_its_minor_version() -> None:
    """Node ids stay the same when a new patch is released."""
    assert (resolve_flink("2.2").label, resolve_flink("2.2.0").label) == ("2.2", "2.2.0")
