"""Loopback ports that two sessions never hand out twice.

Flink's processes must know the JobManager's ports before it binds them, so "let the server pick" does not do for those
two. A port is leased by a file lock that the kernel drops when we die, from below the range from which Linux hands out
ports by itself (32768 and up): nobody takes it by accident between our look and Flink's bind.
"""

from __future__ import annotations

import os
import random
import socket
from collections.abc import Iterable
from pathlib import Path

from filelock import FileLock, Timeout

from flink_testbed.core.problem import HostError, Problem

LOOPBACK = "127.0.0.1"
LEASED_PORTS = range(20000, 32000)


_REFUSED_S = 0.2


def is_free(port: int) -> bool:
    """Whether a server of ours can have the port: nobody holds it, and nothing leads elsewhere who connects to it."""
    return _can_be_bound(port) and _refuses(port)


def _can_be_bound(port: int) -> bool:
    """On loopback and on every interface: a foreign server may hold either."""
    for address in (LOOPBACK, ""):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: a port whose old connections linger is still free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def _refuses(port: int) -> bool:
    """Whether connecting is refused, as it is where nobody listens.

    A container engine may publish a port by a rule of the firewall alone, and leave the rule behind when it is killed: the port
    can be bound then, and whoever connects to it is led to a container, or to where one was.
    """
    try:
        socket.create_connection((LOOPBACK, port), timeout=_REFUSED_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


class PortLease:
    """One port, ours until :meth:`release` or the end of this process."""

    def __init__(self, port: int, lock: FileLock) -> None:
        self.port = port
        self._lock = lock

    def release(self) -> None:
        """Give the port back."""
        self._lock.release()


def lease_port(directory: Path, candidates: Iterable[int] | None = None) -> PortLease:
    """Lease a free port; ``directory`` holds the lock files and must be the same for all sessions of the machine."""
    directory.mkdir(parents=True, exist_ok=True)
    # Not a seeded source: two sessions that start at once should look at different ports first.
    order = list(candidates) if candidates is not None else random.SystemRandom().sample(LEASED_PORTS, 200)
    for port in order:
        lock = FileLock(directory / f"port-{port}.lock", thread_local=False)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        if is_free(port):
            return PortLease(port, lock)
        lock.release()
    raise HostError(
        Problem(
            "FA403",
            f"no free port among {len(order)} tried",
            expected=f"a free loopback port in {min(order, default=0)}-{max(order, default=0)}",
            seen="every one is held by another session, bound by another program, or led elsewhere by the firewall",
            next_step="look at what listens (ss -ltnp) and at what is redirected (nft list ruleset)",
            where=os.fspath(directory),
        )
    )
