"""Guards that outlived their owner. There should never be any: a guard ends itself as soon as its owner is gone."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import psutil

from flink_testbed.core import clock
from flink_testbed.ownership.process_guard import OWNER_PIPE
from pytest_flink_agents.cli.doctor.facts import Leftover

_GUARD = "flink_testbed/ownership/process_guard.py"
_KEEPER = "flink_testbed/ownership/keeper.py"
# A guard looks after its owner four times a second, and then takes a moment to end its tree.
_SECOND_LOOK_S = 1.0


def find_leftovers() -> tuple[Leftover, ...]:
    """Those that are still there after a second: the first look may catch one in the act of ending."""
    suspects = _ownerless()
    if not suspects:
        return ()
    clock.pause(_SECOND_LOOK_S)
    return tuple(sorted(suspects & _ownerless(), key=lambda leftover: leftover.pid))


def _ownerless() -> set[Leftover]:
    found = set()
    keepers = _keepers()
    for process in psutil.process_iter():
        # It may end while we look, or be another user's.
        with contextlib.suppress(psutil.Error, OSError):
            command = process.cmdline()
            if _is_guard(command) and not _has_owner(process, keepers):
                found.add(Leftover(process.pid, Path(command[5]).name))
    return found


def _is_guard(command: list[str]) -> bool:
    """``PYTHON -I -S .../guard.py DESCRIPTOR PROGRAM ...``, as :mod:`flink_testbed.ownership.process` starts it."""
    return len(command) > 5 and command[1:3] == ["-I", "-S"] and command[3].endswith(_GUARD)


def _keepers() -> list[int]:
    """Processes that own what sessions have left running on purpose, whatever cache these used."""
    return [process.pid for process in psutil.process_iter(["cmdline"]) if _is_keeper(process.info["cmdline"] or [])]


def _is_keeper(command: list[str]) -> bool:
    return len(command) > 4 and command[1:3] == ["-I", "-S"] and command[3].endswith(_KEEPER)


def _has_owner(guard: psutil.Process, keepers: list[int]) -> bool:
    """Whether its parent or a keeper holds the other end of its pipe. Process 1 may be an owner too: pytest in a container."""
    if not sys.platform.startswith("linux"):
        return guard.ppid() != 1 or bool(keepers)
    pipe = Path(f"/proc/{guard.pid}/fd/{OWNER_PIPE}").readlink()
    return any(pipe in _open_files(pid) for pid in (guard.ppid(), *keepers))


def _open_files(pid: int) -> set[Path]:
    """What a process of ours holds open; nothing of another user's, such as process 1, as no owner is one."""
    found = set()
    with contextlib.suppress(PermissionError, FileNotFoundError):
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            # One may have been closed since it was listed.
            with contextlib.suppress(FileNotFoundError):
                found.add(descriptor.readlink())
    return found
