"""The Flink versions that a scenario is for."""

from __future__ import annotations

import pytest

from pytest_flink_agents.scenario.words import flink_versions


@pytest.mark.parametrize(
    ("specifier", "version", "expected"),
    [
        (">=1.20.3", "2.2.1", True),
        (">=1.20.3,<2.2", "2.2.1", False),
        ("2.2", "2.2.1", True),
        ("2.2", "2.20.1", False),
        ("2.2.0", "2.2.1", False),
        ("2.2.1", "2.2.1", True),
    ],
)
def test_a_range_matches_versions(specifier: str, version: str, expected: bool) -> None:
    assert flink_versions(specifier).contains(version, prereleases=True) is expected


def test_a_bad_range_is_refused() -> None:
    with pytest.raises(ValueError):
        flink_versions("from 2.2 on")
