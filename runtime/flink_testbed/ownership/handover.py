"""What its owner has let go of, for another process to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.ownership.owner import Owner


@dataclass(frozen=True, slots=True)
class Handed:
    """Something that runs: what it is (``Flink``, ``Kafka``), in which version, and where it answers.

    It lives as long as somebody holds ``pipes``, which are its guards'. ``scratch`` are the directories below ``directory``
    that are to go with it. ``containers`` are the names of those that it is made of; then ``guard`` removes them at the end.
    """

    what: str
    version: str
    address: str
    directory: Path
    scratch: tuple[str, ...]
    pipes: Sequence[int]
    containers: tuple[str, ...] = ()
    guard: Owner | None = None
