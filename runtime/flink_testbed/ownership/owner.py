"""Whose something is: a process, told such that its death can be proven by a later look."""

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
    """A process. ``started`` is in clock ticks since the boot ``boot``; ``machine`` is its host's name.

    ``namespace`` is where its process id means something: in another container the same id is another process's.
    """

    pid: int
    started: str
    boot: str
    namespace: str
    machine: str

    def __str__(self) -> str:
        return f"process {self.pid} of {self.machine}"

    def as_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    def is_alive(self) -> bool:
        """Whether it runs now, seen from here."""
        return _place() == (self.boot, self.namespace, self.machine) and _start_of(self.pid) == self.started

    def is_dead(self) -> bool:
        """Whether it provably runs no more. Of another machine's or container's process nothing is known."""
        boot, namespace, machine = _place()
        if machine != self.machine:
            return False
        if boot != self.boot:
            return bool(boot and self.boot)
        return namespace == self.namespace and _start_of(self.pid) != self.started


def this_process() -> Owner:
    """The running process."""
    return owner_of(os.getpid())


def owner_of(pid: int) -> Owner:
    """A running process of this machine. Raises ``ProcessLookupError`` where there is none."""
    started = _start_of(pid)
    if not started:
        raise ProcessLookupError(pid)
    return Owner(pid, started, *_place())


def owner_from(data: Mapping[str, Any]) -> Owner:
    """An owner as :meth:`Owner.as_json` wrote it. Raises ``KeyError``, ``TypeError`` or ``ValueError`` for anything else."""
    words = (str(data[name]) for name in ("started", "boot", "namespace", "machine"))
    return Owner(int(data["pid"]), *words)


def _place() -> tuple[str, str, str]:
    if not _LINUX:
        return str(int(psutil.boot_time())), "", platform.node()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return boot, str(Path("/proc/self/ns/pid").readlink()), platform.node()


def _start_of(pid: int) -> str:
    """When the process was started; empty where there is none. A zombie has ended.

    On Linux in ticks since boot, since psutil's time of day changes when the clock is set.
    """
    try:
        if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return ""
        if not _LINUX:
            return f"{psutil.Process(pid).create_time():.2f}"
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19].decode()
    except (psutil.NoSuchProcess, OSError):
        return ""
