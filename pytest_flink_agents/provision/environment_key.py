"""The parts by which the test environments of a session differ."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from pytest_flink_agents.identity import digest_of


class EnvironmentKey(NamedTuple):
    """The parts of a test environment that may differ from those of another one of the session.

    ``flink`` is the full version of Flink, ``commit`` that of the code, empty for the project as it is, and
    ``flink_agents`` and ``python`` are versions of its own, empty for the session's. One that is ``apart`` shares no
    cluster.
    """

    flink: str
    requirements: tuple[str, ...]
    commit: str = ""
    flink_agents: str = ""
    python: str = ""
    apart: bool = False

    def text(self, usual: Collection[str]) -> str:
        """Return a name of what is in it, which is the same in each process of a session.

        ``usual`` are the project's requirements.
        """
        return ", ".join((self.flink, *self._differences([each for each in self.requirements if each not in usual])))

    def _differences(self, added: list[str]) -> Iterator[str]:
        if self.flink_agents:
            yield f"flink-agents {self.flink_agents}"
        if self.python:
            yield f"Python {self.python}"
        if added:
            yield f"requirements {digest_of(each.encode() for each in added).removeprefix('sha256:')[:8]}"
        if self.commit:
            yield f"commit {self.commit[:12]}"
