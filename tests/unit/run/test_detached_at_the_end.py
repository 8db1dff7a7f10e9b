"""The end of a session: its parts are detached if ``--flink-keep`` says so, and closed otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.session import GateSession
from pytest_flink_agents.settings import Settings


class Parts:
    """Services that record how they ended."""

    leaks: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.ended: list[str] = []

    def detach(self) -> list[Any]:
        self.ended.append("detached")
        return []

    def digests(self) -> dict[str, str]:
        return {}

    def facts(self) -> dict[str, str]:
        return {}

    def close(self) -> None:
        self.ended.append("closed")


@pytest.mark.parametrize(
    ("keep", "failed", "detached"),
    [
        ("never", True, False),
        ("on-failure", False, False),
        ("on-failure", True, True),
        ("always", False, True),
        ("always", True, True),
    ],
)
def test_parts_are_detached_as_flink_keep_says(tmp_path: Path, keep: str, failed: bool, detached: bool) -> None:
    session = GateSession(Settings(root=tmp_path, python_path=(), keep=keep, report_dir=tmp_path), print, process="gw0")
    parts = Parts()
    session._parts._services = parts  # type: ignore[assignment]
    session.close(failed=failed)
    assert parts.ended == (["detached", "closed"] if detached else ["closed"])
