"""The way of connections through a proxy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Passage:
    """Connections to ``port`` go to ``target``; both are ports of loopback, and 0 is any free one."""

    target: int
    port: int = 0
