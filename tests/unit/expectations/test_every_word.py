"""Every word of ``expect`` has a reviewed message."""

from __future__ import annotations

from pytest_flink_agents.scenario.expectations import Expect
from tests.unit.expectations.conftest import MESSAGES


def test_every_word_has_a_reviewed_message() -> None:
    reviewed = {file.stem.partition("-")[0] for file in MESSAGES.glob("*.txt")}
    assert reviewed == set(Expect.model_fields)
