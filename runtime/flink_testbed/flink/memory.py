"""The memory that a cluster needs from the machine."""

from __future__ import annotations

import psutil

from flink_testbed.core.problem import HostError, Problem

MEMORY_NEEDED_MIB = 1200


def require_memory(needed_mib: int) -> None:
    """Raise :class:`HostError` FA408 unless ``needed_mib`` MiB of memory are available.

    The kernel kills a JVM that runs out of memory without a message anywhere in its log.
    """
    available_mib = psutil.virtual_memory().available // (1024 * 1024)
    if available_mib < needed_mib:
        raise HostError(
            Problem(
                "FA408",
                "the machine has not enough free memory for a Flink cluster",
                expected=f"{needed_mib} MiB available",
                seen=f"{available_mib} MiB available",
                next_step="end other programs, or run on the local tier only: --flink-tier=local",
            )
        )
