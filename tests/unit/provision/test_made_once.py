"""Parts that are made on first use."""

from __future__ import annotations

import itertools

import pytest

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.provision.made_once import MadeOnce


def test_a_part_is_made_at_the_first_call_and_again_after_it_was_forgotten() -> None:
    parts, number = MadeOnce(), itertools.count()
    assert parts.made("java") is None
    assert [parts.get("java", lambda: next(number)) for _ in range(2)] == [0, 0]
    parts.forget("java")
    assert parts.get("java", lambda: next(number)) == parts.made("java") == 1


def test_a_part_that_could_not_be_made_is_not_tried_again() -> None:
    parts, tried = MadeOnce(), []

    def fail() -> None:
        tried.append(1)
        raise HostError(Problem("FA415", "the installation failed"))

    for _ in range(2):
        with pytest.raises(HostError, match="FA415"):
            parts.get("environment", fail)
    assert tried == [1]


def test_a_cache_that_cannot_be_written_is_the_error_of_its_part() -> None:
    def fail() -> None:
        raise PermissionError(13, "Permission denied", "/cache")

    with pytest.raises(HostError, match="FA422"):
        MadeOnce().get("environment", fail)
