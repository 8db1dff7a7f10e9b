"""The files below an import root from which Python may load code, with the data beside it.

More than :func:`shipment.shipped_files` ships with a job: here a file counts if a changed byte of it may change what the
job does, wherever its code comes from.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from flink_testbed.artifacts.shipment import has_excluding_file, is_excluded, is_small

# Sources, compiled modules without a source, and extension modules.
_CODE = (".py", ".pyc", ".so")
# Scripts that an installer writes, with the path of their interpreter: a checkout without the environment has none. The
# installed modules need no rule, since python3.11 is no name that can be imported.
_SCRIPTS = "bin"
# PEP 552: after four bytes of magic come the flags; with this one Python compares the file with no source.
_UNCHECKED = 0b01


def importable_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield relative name and path of each file, in order: code of any size, other files of at most 1 MiB.

    A link to a directory is followed if it has the name of a package. Hidden files are left out, and so are the scripts
    and the installed packages of an environment. Of caches and of ``node_modules`` only code counts, in directories with
    the name of a package: sources and extension modules of any name, and the compiled files that Python finds by their
    name. A directory with Python files is a package, whatever else lies in it. A root that is a file, as an archive of
    modules, is its own only file.
    """
    if root.is_file():
        yield root.name, root
        return
    entered: set[tuple[int, int]] = set()
    caches: set[str] = set()
    for directory, below, names in os.walk(root, followlinks=True):
        status = Path(directory).stat()
        entered.add((status.st_dev, status.st_ino))
        below[:] = sorted(name for name in below if _is_entered(Path(directory, name), entered))
        is_cache = directory != os.fspath(root) and (directory in caches or _is_cache(directory, names))
        if is_cache:
            hidden = _SCRIPTS if _is_environment(directory, names) else None
            below[:] = [name for name in below if name.isidentifier() and name != hidden]
            caches.update(f"{directory}{os.sep}{name}" for name in below)
            # node_modules may hold tens of thousands of other files.
            names = list(filter(is_code, names))  # noqa: PLW2901
        paths = (Path(directory, name) for name in sorted(names) if not name.startswith("."))
        for path in filter(_is_module if is_cache else _is_source, paths):
            yield path.relative_to(root).as_posix(), path


def code_files(root: Path) -> list[Path]:
    """Return the files of code below an import root."""
    return [path for _, path in importable_files(root) if is_code(path.name)]


def is_code(name: str) -> bool:
    """Return whether Python loads a file of this name as a module."""
    return name.endswith(_CODE)


def _is_cache(directory: str, names: Sequence[str]) -> bool:
    """Return whether a directory says by its name or by a file that it holds no code of the project."""
    if is_excluded(Path(directory).name):
        return True
    return has_excluding_file(names) and not any(name.endswith(".py") for name in names)


def _is_environment(directory: str, names: Sequence[str]) -> bool:
    """Return whether a directory has both the marker and the interpreter of a virtual environment."""
    return "pyvenv.cfg" in names and Path(directory, "bin", "python").exists()


def _is_source(path: Path) -> bool:
    """Return whether a file of the project may decide what the job does: code, or data that is not large."""
    return path.is_file() and (is_code(path.name) or is_small(path))


def _is_module(path: Path) -> bool:
    """Return whether Python finds code in a cache by its name, or takes it without a look at its source."""
    if not path.is_file():
        return False
    return path.suffix != ".pyc" or path.stem.isidentifier() or _is_unchecked(path)


def _is_entered(folder: Path, entered: set[tuple[int, int]]) -> bool:
    """Return whether a directory is searched; a link only once, since it may lead back."""
    if is_excluded(folder.name) and not folder.name.isidentifier():
        # Nothing can import it.
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
