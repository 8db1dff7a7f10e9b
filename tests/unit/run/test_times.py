"""Times of event logs, effects and steps."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_flink_agents.evidence.times import nanoseconds

START_S = 1_800_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2027-01-15T08:00:00Z", START_S * 10**9),
        ("2027-01-15T08:00:00.123456789Z", START_S * 10**9 + 123_456_789),
        ("2027-01-15T10:00:00.5+02:00", START_S * 10**9 + 500_000_000),
        (1.5, 1_500_000_000),
        ("2027-13-15T08:00:00Z", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_of_every_form_are_read(text: Any, expected: int | None) -> None:
    assert nanoseconds(text) == expected
