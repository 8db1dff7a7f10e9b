"""Find what dead owners left behind: guards, detached services, session records.

Nothing is removed here, and nothing is found whose owner may still be alive.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from flink_testbed.core import clock
from flink_testbed.ownership.detached import DetachedService, detached_services
from flink_testbed.ownership.detached_holder import is_holder
from flink_testbed.ownership.process_guard import OWNER_PIPE, guarded_command
from flink_testbed.ownership.session_record import Record, records

# A guard checks for its owner four times a second, then takes a moment to end its tree; on a busy machine seconds.
_ENDING_S = 4.0
_LOOK_S = 0.25
_GONE_S = 10.0


@dataclass(frozen=True, slots=True)
class OwnerlessGuard:
    """A guard whose owner has ended, and the program it guards."""

    pid: int
    program: str

    def end(self) -> None:
        """Kill the guard and everything below it.

        Raises ``psutil.Error`` if the guard has ended meanwhile or belongs to another user.
        """
        guard = psutil.Process(self.pid)
        tree = [*guard.children(recursive=True), guard]
        for process in tree:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(tree, timeout=_GONE_S)


def ownerless_guards() -> tuple[OwnerlessGuard, ...]:
    """Return the guards that outlived their owner.

    Only a stopped or broken guard does. One that is found is looked at again for a few seconds: it may
    be about to end by itself.
    """
    suspects, ends_s = _ownerless(), clock.now_s() + _ENDING_S
    while suspects and clock.now_s() < ends_s:
        clock.pause(_LOOK_S)
        suspects &= _ownerless()
    return tuple(sorted(suspects, key=lambda guard: guard.pid))


def unheld_services() -> Iterator[DetachedService]:
    """Yield the detached services whose holder is dead."""
    return (service for service in detached_services() if service.holder.is_dead())


def dead_records() -> list[Record]:
    """Return the records of sessions whose process is dead."""
    return [record for record in records() if record.owner.is_dead()]


def _ownerless() -> set[OwnerlessGuard]:
    found = set()
    holders = _holders()
    for process in psutil.process_iter():
        # The process may end meanwhile, or belong to another user.
        with contextlib.suppress(psutil.Error, OSError):
            command = guarded_command(process.cmdline())
            if command and not _has_owner(process, holders):
                found.add(OwnerlessGuard(process.pid, Path(command[0]).name))
    return found


def _holders() -> list[int]:
    """Return the holders of detached services, whichever cache their sessions used."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if is_holder(process.info["cmdline"] or [])]


def _has_owner(guard: psutil.Process, holders: list[int]) -> bool:
    """Return True if a process holds the other end of the guard's pipe.

    It is the guard's parent or a holder. A parent with process id 1 alone proves nothing: in a
    container, pytest itself may be process 1.
    """
    if not sys.platform.startswith("linux"):
        return guard.ppid() != 1 or bool(holders)
    pipe = Path(f"/proc/{guard.pid}/fd/{OWNER_PIPE}").readlink()
    return any(pipe in _open_files(pid) for pid in (guard.ppid(), *holders))


def _open_files(pid: int) -> set[Path]:
    """Return the open files of a process.

    Empty for a process of another user, which cannot be an owner.
    """
    found = set()
    with contextlib.suppress(PermissionError, FileNotFoundError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            # A descriptor may be closed after it was listed.
            with contextlib.suppress(FileNotFoundError):
                found.add(descriptor.readlink())
    return found
