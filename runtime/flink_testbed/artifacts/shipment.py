"""Copy Python sources for shipping with a job.

Copies are cached by their content. The copy has Python files of any size, and other files of at
most 1 MiB, such as data that modules read from their own directory. Hidden files, virtual
environments, caches and compiled files are left out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry
from flink_testbed.core.problem import HostError, Problem

_MIB = 1024 * 1024
_MAX_DATA_FILE = _MIB
_MAX_TOTAL = 32 * _MIB
_EXCLUDED = frozenset({"__pycache__", "node_modules", "site-packages", "flink-agents-report"})
# A directory with one of these files is a virtual environment, a cache or a report.
_EXCLUDING_FILES = frozenset({"pyvenv.cfg", "CACHEDIR.TAG"})


def provide_shipment(root: Path) -> Path:
    """Return a copy of ``root`` for shipping, with the same directory name.

    Raises :class:`HostError` FA426 if it is larger than 32 MiB.
    """
    files = dict(shipped_files(root))
    _require_small(root, files)
    digest = hashlib.sha256(root.name.encode())
    for name, path in files.items():
        content = path.read_bytes()
        digest.update(f"\0{name}\0{len(content)}\0".encode() + content)

    def build(directory: Path) -> dict[str, Any]:
        for name, path in files.items():
            target = directory / root.name / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        (directory / root.name).mkdir(exist_ok=True)
        return {"root": os.fspath(root), "files": len(files)}

    key = digest.hexdigest()[:16]
    return provide_entry("shipments", key, build, needs_mib=64, progress=lambda _: None).path / root.name


def shipped_files(root: Path) -> Iterator[tuple[str, Path]]:
    """Yield relative name and path of each file to ship, in order."""
    for directory, below, names in os.walk(root):
        if directory != os.fspath(root) and has_excluding_file(names):
            below.clear()
            continue
        below[:] = sorted(name for name in below if not is_excluded(name))
        for name in sorted(names):
            path = Path(directory, name)
            if name.startswith(".") or path.suffix == ".pyc" or not path.is_file():
                continue
            if path.suffix == ".py" or is_small(path):
                yield path.relative_to(root).as_posix(), path


def is_excluded(folder: str) -> bool:
    """Return whether nothing is shipped from a directory of this name."""
    return folder.startswith(".") or folder in _EXCLUDED


def has_excluding_file(names: Iterable[str]) -> bool:
    """Return whether the files of a directory say that it is a virtual environment, a cache or a report."""
    return not _EXCLUDING_FILES.isdisjoint(names)


def is_small(path: Path) -> bool:
    """Return whether a file is small enough to be shipped as data."""
    return path.stat().st_size <= _MAX_DATA_FILE


def _require_small(root: Path, files: dict[str, Path]) -> None:
    sizes: Counter[str] = Counter()
    for name, path in files.items():
        sizes[name.partition("/")[0]] += path.stat().st_size
    total = sizes.total()
    if total > _MAX_TOTAL:
        largest = ", ".join(f"{name} {size // _MIB} MiB" for name, size in sizes.most_common(3))
        raise HostError(
            Problem(
                "FA426",
                "the project is too large to ship with each job",
                where=os.fspath(root),
                expected=f"at most {_MAX_TOTAL // _MIB} MiB of Python sources and small files",
                seen=f"{total // _MIB} MiB: {largest}",
                next_step="move data out of the import roots, or start a directory's name with a dot",
            )
        )
