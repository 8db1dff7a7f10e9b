"""The supported versions and the look-ups over them."""

from __future__ import annotations

import pytest

from flink_testbed.artifacts.versions import AGENTS_LINES, FLINK_LINES, agents_line, incompatibility, resolve_flink
from flink_testbed.core.problem import HostError


@pytest.mark.parametrize(
    ("asked", "version"), [("1.20", "1.20.5"), ("2.2", "2.2.1"), ("2.1.1", "2.1.1"), ("1.20.3", "1.20.3")]
)
def test_a_minor_is_its_newest_patch(asked: str, version: str) -> None:
    """A minor version means its newest patch, a full version itself."""
    assert resolve_flink(asked).version == version


@pytest.mark.parametrize("asked", ["2.20", "1.19", "abc", "", "2", "1.20.2", "2.2.x", "2.2-rc1"])
def test_an_unsupported_version_is_refused(asked: str) -> None:
    """Anything outside the matrix is an error that names the supported versions."""
    with pytest.raises(HostError) as caught:
        resolve_flink(asked)
    (problem,) = caught.value.problems
    assert problem.code == "FA410"
    assert "1.20, 2.0, 2.1, 2.2, 2.3" in problem.expected


def test_an_unquoted_version_is_recognised() -> None:
    """1.2 is what YAML makes of an unquoted 1.20, and the error says so."""
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
def test_pairs_that_cannot_be_have_a_reason(flink: str, flink_agents: str, reason: str) -> None:
    """What the table excludes is told; a path, or a release it does not know, has to be tried."""
    assert incompatibility(resolve_flink(flink).line, flink_agents) == reason


def test_each_pair_of_the_table_has_a_python() -> None:
    """A Flink and a flink-agents that share no Python would be a pair that cannot be installed."""
    lines = {line.minor: line for line in FLINK_LINES}
    for agents in AGENTS_LINES:
        for minor in agents.flinks:
            assert set(lines[minor].pythons) & set(agents.pythons), (minor, agents.minor)


def test_the_default_is_the_line_that_the_bundled_engine_runs() -> None:
    """The local tier runs what nobody has asked for otherwise."""
    line = agents_line("")
    assert line is not None
    assert "bundled" in line.engines


def test_a_release_is_labelled_by_its_line_where_that_means_it() -> None:
    """Names of items stay when a new patch comes out, and say which patch where it is not the newest."""
    assert (resolve_flink("2.2").label, resolve_flink("2.2.0").label) == ("2.2", "2.2.0")
