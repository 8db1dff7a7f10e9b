"""The files below an import root from which Python may load code, with the data beside it.

More than :func:`shipment.shipped_files` ships with a job: here a file counts if a changed byte of it may change what the
job does, wherever its code comes from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from flink_testbed.artifacts.shipment import has_excluding_file, is_excluded, is_small

# Sources, compiled modules without a source, and extension modules.
_CODE = (".py", ".pyc", ".so")
_CACHE = "__pycache__"
# PEP 552: after four bytes of magic come the flags; with this one Python compares the file with no source.
_UNCHECKED = 0b01


def importable_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield relative name and path of each file, in order: code of any size, other files of at most 1 MiB.

    A link to a directory is followed if it has the name of a package. Environments, caches and hidden files are left
    out, but a directory with Python files is a package, whatever else lies in it. A root that is a file, as an archive of
    modules, is its own only file.
    """
    if root.is_file():
        yield root.name, root
        return
    entered: set[tuple[int, int]] = set()
    for directory, below, names in os.walk(root, followlinks=True):
        if (
            directory != os.fspath(root)
            and has_excluding_file(names)
            and not any(name.endswith(".py") for name in names)
        ):
            below.clear()
            continue
        status = Path(directory).stat()
        entered.add((status.st_dev, status.st_ino))
        paths = [Path(directory, name) for name in sorted(names) if not name.startswith(".")]
        if _CACHE in below:
            paths += [path for path in sorted(Path(directory, _CACHE).glob("*.pyc")) if _is_unchecked(path)]
        below[:] = sorted(name for name in below if _is_entered(Path(directory, name), entered))
        for path in paths:
            if path.is_file() and (is_code(path.name) or is_small(path)):
                yield path.relative_to(root).as_posix(), path


def code_files(root: Path) -> list[Path]:
    """Return the files of code below an import root."""
    return [path for _, path in importable_files(root) if is_code(path.name)]


def is_code(name: str) -> bool:
    """Return whether Python loads a file of this name as a module."""
    return name.endswith(_CODE)


def _is_entered(folder: Path, entered: set[tuple[int, int]]) -> bool:
    """Return whether a directory is searched; a link only once, since it may lead back."""
    if is_excluded(folder.name):
        return False
    if not folder.is_symlink():
        return True
    # Links of build tools have names such as bazel-out, which cannot be imported, and lead to very large trees.
    if not folder.name.isidentifier():
        return False
    status = folder.stat()
    return (status.st_dev, status.st_ino) not in entered


def _is_unchecked(path: Path) -> bool:
    """Return whether Python loads a compiled file without a look at its source."""
    try:
        with path.open("rb") as file:
            flags = file.read(8)[4:]
    except OSError:
        return True
    return int.from_bytes(flags, "little") == _UNCHECKED
