"""The process that owns something, recorded to prove its death later."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

_LINUX = sys.platform.startswith("linux")


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, identified beyond its process id.

    A process id alone proves nothing: ids are reused, and the same id is another process after a
    reboot or in another container. ``started`` is in clock ticks since the boot ``boot``;
    ``namespace`` is the PID namespace that gives ``pid`` its meaning; ``machine`` is the host name.
    """

    pid: int
    started: str
    boot: str
    namespace: str
    machine: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.machine}"

    def as_json(self) -> dict[str, Any]:
        """Return the fields, as :func:`owner_from` reads them."""
        return asdict(self)

    def is_alive(self) -> bool:
        """Return True if the process is seen running from here."""
        return _origin() == (self.boot, self.namespace, self.machine) and _start_of(self.pid) == self.started

    def is_dead(self) -> bool:
        """Return True only if the process has provably ended.

        Both this and :meth:`is_alive` are False for a process of another machine or container:
        nothing is known about it, and what it owns must not be touched.
        """
        boot, namespace, machine = _origin()
        if machine != self.machine:
            return False
        if boot != self.boot:
            return bool(boot and self.boot)
        return namespace == self.namespace and _start_of(self.pid) != self.started


def this_process() -> Owner:
    """Return the running process."""
    return owner_of(os.getpid())


def owner_of(pid: int) -> Owner:
    """Return a running process of this machine.

    Raises ``ProcessLookupError`` if there is none with this id.
    """
    started = _start_of(pid)
    if not started:
        raise ProcessLookupError(pid)
    return Owner(pid, started, *_origin())


def owner_from(data: Mapping[str, Any]) -> Owner:
    """Return the owner that :meth:`Owner.as_json` wrote.

    Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else.
    """
    fields = (str(data[name]) for name in ("started", "boot", "namespace", "machine"))
    return Owner(int(data["pid"]), *fields)


def _origin() -> tuple[str, str, str]:
    """Return boot id, PID namespace and host name of this process."""
    if not _LINUX:
        return str(int(psutil.boot_time())), "", platform.node()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return boot, str(Path("/proc/self/ns/pid").readlink()), platform.node()


def _start_of(pid: int) -> str:
    """Return the start time of a process, empty if it has ended.

    A zombie has ended. On Linux in ticks since boot: psutil's time of day changes when the clock is
    set.
    """
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return ""
        if not _LINUX:
            return f"{psutil.Process(pid).create_time():.2f}"
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (psutil.NoSuchProcess, OSError):
        return ""
