"""Files that a scenario names.

They are regular files inside the project, after all links are resolved.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path, PurePosixPath
from typing import IO

from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.error import shorten


class PlaceError(Exception):
    """A path that may not be used.

    ``expected``, ``seen`` and ``next_step`` as in a problem.
    """

    def __init__(self, message: str, expected: str, seen: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message, self.expected, self.seen, self.next_step = message, expected, seen, next_step


def resolved_inside(base: Path, relative: str, fence: Path) -> Path:
    """Return a path inside a directory, all links resolved.

    ``relative`` is a path below ``base``; the result must be inside ``fence``. The
    path need not exist. Raises :class:`PlaceError`.
    """
    if PurePosixPath(relative).is_absolute() or "\0" in relative:
        raise PlaceError("a path must be relative", f"a path relative to {base.name}/", shorten(relative))
    try:
        real_fence, real = fence.resolve(), (base / relative).resolve()
        real.exists()
    except (OSError, RuntimeError) as error:
        # Python before 3.13 reports a loop of links as RuntimeError.
        reason = error.strerror if isinstance(error, OSError) else "the links form a loop"
        raise PlaceError("the path cannot be resolved", "a file", shorten(f"{reason}: {relative}")) from None
    if not real.is_relative_to(real_fence):
        raise PlaceError("the path leaves the project", f"a file inside {real_fence.name}/", shorten(relative))
    return real


def file_inside(base: Path, relative: str, fence: Path) -> Path:
    """Return a regular file inside a directory, all links resolved.

    ``relative`` is a path below ``base``; the file must be inside ``fence``. Raises
    :class:`PlaceError`.
    """
    real = resolved_inside(base, relative, fence)
    if real.is_file():
        return real
    if not real.exists():
        below = "" if base.resolve() == fence.resolve() else f" below {base.name}/"
        raise PlaceError(f"no file {shorten(relative)}", f"an existing file{below}", "no such file", _neighbour(real))
    seen = kind_of(real.stat().st_mode)
    raise PlaceError(f"{shorten(relative)} is not a regular file", "a regular file", seen)


def savepoint_inside(base: Path, relative: str, fence: Path) -> Path:
    """Return the directory of a savepoint inside another directory, all links resolved. Raises :class:`PlaceError`."""
    real = resolved_inside(base, relative, fence)
    if (real / "_metadata").is_file():
        return real
    seen = "no such directory" if not real.exists() else f"{kind_of(real.stat().st_mode)} without _metadata"
    raise PlaceError(f"no savepoint {shorten(relative)}", "the directory of a savepoint, with its file _metadata", seen)


def open_regular(path: Path) -> IO[bytes]:
    """Open a regular file for reading.

    A FIFO or a device is refused without waiting for it. Raises ``OSError``.
    """
    # O_NONBLOCK: opening a FIFO without a writer would block, and the check below comes after the
    # open so that nothing can take the file's place between the two.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        raise OSError(0, f"{kind_of(mode)} instead of a regular file")
    return os.fdopen(descriptor, "rb")


def kind_of(mode: int) -> str:
    """Return the kind of a file in words, from its ``stat`` mode."""
    kinds = {
        stat.S_IFREG: "a regular file",
        stat.S_IFDIR: "a directory",
        stat.S_IFIFO: "a FIFO",
        stat.S_IFSOCK: "a socket",
        stat.S_IFCHR: "a device",
        stat.S_IFBLK: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "a special file")


def _neighbour(wanted: Path) -> str:
    try:
        near = nearest(wanted.name, sorted(entry.name for entry in wanted.parent.iterdir() if entry.is_file())[:1000])
    except OSError:
        return ""
    return f'did you mean "{near}"?' if near else ""


def shown(path: Path, root: Path) -> str:
    """Return a path for messages, with forward slashes.

    It is relative to the project root if it is inside.
    """
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
