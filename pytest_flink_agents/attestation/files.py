"""The files of a run folder that an attestation covers, and their digests."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from pytest_flink_agents.report.directory import MARKER

ATTESTATION_FILE = "test-result.intoto.json"
# The working directories of the session's processes: a detached cluster goes on writing there.
NOT_COVERED = "running"
_LINK = "link to "
_CHUNK = 1 << 20


def covered_files(folder: Path) -> dict[str, str]:
    """Return the digest of each file of a run folder by its name: ``sha256:...``, in the order of names.

    The attestation itself and the directory ``running`` are left out. A symbolic link is never followed: it has its target
    in the place of a digest (``link to ...``), and any other special file its kind.

    Raises ``OSError`` for a file that cannot be read.
    """
    return {name: _digest(path, mode) for name, path, mode in _entries(folder)}


def is_digest(text: str) -> bool:
    """Return whether the text is the digest of a regular file."""
    return text.startswith("sha256:")


def leaves(folder: Path, name: str, text: str) -> bool:
    """Return whether an entry of :func:`covered_files` is a link whose target lies outside of the folder."""
    if not text.startswith(_LINK):
        return False
    place = (folder / name).parent / text.removeprefix(_LINK)
    return not Path(os.path.normpath(place)).is_relative_to(folder)


def open_file(path: Path) -> IO[bytes]:
    """Open a regular file for reading, never through a link.

    Raises ``OSError``, also for any other kind of file: a FIFO is refused without waiting for it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", os.fspath(path))
    return os.fdopen(descriptor, "rb")


def digest_of_file(path: Path) -> str:
    """Return ``sha256:...`` of a regular file. Raises ``OSError``."""
    digest = hashlib.sha256()
    with open_file(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return f"sha256:{digest.hexdigest()}"


def _entries(folder: Path) -> Iterator[tuple[str, Path, int]]:
    """Yield name, path and mode of everything that is no directory, in order."""
    found: list[tuple[str, Path, int]] = []
    for directory, below, names in os.walk(folder, onerror=_fail):
        top = Path(directory) == folder
        links = [name for name in below if Path(directory, name).is_symlink()]
        below[:] = [name for name in below if name not in links and not (top and name == NOT_COVERED)]
        for name in (*names, *links):
            path = Path(directory, name)
            status = path.lstat()
            # Empty, and hidden, so that an upload may leave it out.
            is_marker = name == MARKER and stat.S_ISREG(status.st_mode) and not status.st_size
            if not (top and (name == ATTESTATION_FILE or is_marker)):
                found.append((path.relative_to(folder).as_posix(), path, status.st_mode))
    yield from sorted(found)


def _digest(path: Path, mode: int) -> str:
    if stat.S_ISLNK(mode):
        return f"{_LINK}{path.readlink()}"
    return digest_of_file(path) if stat.S_ISREG(mode) else "not a regular file"


def _fail(error: OSError) -> None:
    raise error
