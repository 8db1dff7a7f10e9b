"""A directory of Python sources, copied so that it can travel with a job: what of it counts, kept by content hash.

Taken are Python files of any size, and other files of at most 1 MiB, which modules read beside themselves. Left out are
what begins with a dot, virtual environments, caches and compiled files.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry
from flink_testbed.core.problem import HostError, Problem

_MIB = 1024 * 1024
_LARGEST_DATA = _MIB
_LARGEST_WHOLE = 32 * _MIB
_LEFT_OUT = frozenset({"__pycache__", "node_modules", "site-packages", "flink-agents-report"})
# A directory that holds one of these is no source: a virtual environment, a cache, a report.
_MARKS = ("pyvenv.cfg", "CACHEDIR.TAG")


def provide_shipment(root: Path) -> Path:
    """A copy of what of ``root`` travels, under its name. Raises :class:`HostError` FA426 past 32 MiB in all."""
    files = dict(_files(root))
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


def python_files(root: Path) -> list[Path]:
    """The Python files of ``root`` that would travel."""
    return [path for name, path in _files(root) if name.endswith(".py")]


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    """Relative name and path of each file that travels, in order."""
    for directory, below, names in os.walk(root):
        if directory != os.fspath(root) and any(mark in names for mark in _MARKS):
            below.clear()
            continue
        below[:] = sorted(name for name in below if not name.startswith(".") and name not in _LEFT_OUT)
        for name in sorted(names):
            path = Path(directory, name)
            if name.startswith(".") or path.suffix == ".pyc" or not path.is_file():
                continue
            if path.suffix == ".py" or path.stat().st_size <= _LARGEST_DATA:
                yield path.relative_to(root).as_posix(), path


def _require_small(root: Path, files: dict[str, Path]) -> None:
    sizes: Counter[str] = Counter()
    for name, path in files.items():
        sizes[name.partition("/")[0]] += path.stat().st_size
    whole = sizes.total()
    if whole > _LARGEST_WHOLE:
        largest = ", ".join(f"{name} {size // _MIB} MiB" for name, size in sizes.most_common(3))
        raise HostError(
            Problem(
                "FA426",
                "the project is too large to travel with each job",
                where=os.fspath(root),
                expected=f"at most {_LARGEST_WHOLE // _MIB} MiB of Python sources and small files",
                seen=f"{whole // _MIB} MiB: {largest}",
                next_step="keep data outside of the import roots, or begin a directory's name with a dot",
            )
        )
