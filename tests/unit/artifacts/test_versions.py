"""The supported versions and the look-ups over them."""

from __future__ import annotations

import pytest

from flink_testbed.artifacts.versions import resolve_flink
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
