"""A network between two parts that can be cut, slowed down and made lossy: a TCP proxy on loopback.

The proxy is loaded at its first use: most sessions have none, and asyncio is slow to import.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flink_testbed.network.disturbance import BOTH, Cut, Delay, Direction, Disturbance, Held, Loss
from flink_testbed.network.passage import Passage

if TYPE_CHECKING:
    from flink_testbed.network.proxy import Proxy

__all__ = ["BOTH", "Cut", "Delay", "Direction", "Disturbance", "Held", "Loss", "Passage", "Proxy"]


def __getattr__(name: str) -> Any:
    """Load the proxy."""
    if name != "Proxy":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flink_testbed.network.proxy import Proxy

    return Proxy
