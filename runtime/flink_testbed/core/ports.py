"""Lease loopback ports, so that no two sessions use the same one.

TaskManagers must know the JobManager's ports before it binds them, so the system cannot choose them.
A lease is a file lock, which the kernel releases if this process dies. Leased ports are below the
range from which Linux assigns ports by itself (32768 and up), so that no other program gets one
between the check and Flink's bind.
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
    """Return True if a server can use the port.

    It can be bound, and clients reach the server.
    """
    return _can_be_bound(port) and _refuses(port)


def _can_be_bound(port: int) -> bool:
    """Try loopback and all interfaces: another server may have bound either."""
    for address in (LOOPBACK, ""):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: connections in TIME_WAIT do not block a port.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True


def _refuses(port: int) -> bool:
    """Return True if connecting is refused.

    It is on a port without a listener. A container engine may publish a port by a firewall rule
    alone, and leaves the rule behind if it is killed. Such a port can be bound, but its clients are
    redirected to a container, or to the address of one that is gone.
    """
    try:
        socket.create_connection((LOOPBACK, port), timeout=_REFUSED_S).close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False
    return False


class PortLease:
    """One port, leased until :meth:`release` or the end of this process."""

    def __init__(self, port: int, lock: FileLock) -> None:
        self.port = port
        self._lock = lock

    def release(self) -> None:
        """End the lease."""
        self._lock.release()


def lease_port(directory: Path, candidates: Iterable[int] | None = None) -> PortLease:
    """Lease a free port.

    ``directory`` holds the lock files and must be the same for all sessions of the machine. Raises
    :class:`HostError` FA403 if none of the candidates is free.
    """
    directory.mkdir(parents=True, exist_ok=True)
    # A seeded source would make two sessions that start at once try the same ports first.
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
            seen="each is leased by another session, bound by another program, or redirected by a firewall",
            next_step="list the listening sockets (ss -ltnp) and the redirections (nft list ruleset)",
            where=os.fspath(directory),
        )
    )
