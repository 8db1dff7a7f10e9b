"""What a finished directory holds, file by file, so that a flipped byte is found before it is run.

The record has each file's size, time of change and sha256. A file whose size and time are as recorded counts as
unaltered; any other is hashed (a cache restored from a backup has new times and the same bytes). So a check costs one
look at each file: about 0.2 s for the 20,000 files of a job environment, where hashing them takes 4 s. What Python
writes by itself (``__pycache__``), files added later, and certifi's list of authorities, to which companies add their own
in place, are no part of it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem

_RECORD = "contents.json"
_NOT_OURS = (_RECORD, "cacert.pem")
_CHUNK = 1 << 20
# Enough to see what happened; a directory that was moved half-way has thousands.
_NAMED = 3


def record_contents(directory: Path) -> None:
    """Write down what the directory holds now."""
    record = {
        name: [entry.stat().st_size, entry.stat().st_mtime_ns, _digest(entry.path)] for name, entry in _files(directory)
    }
    (directory / _RECORD).write_text(json.dumps(record), encoding="utf-8")


def is_recorded(directory: Path) -> bool:
    """Whether there is a record: directories of before this version have none."""
    return (directory / _RECORD).is_file()


def require_contents(directory: Path) -> None:
    """Raise :class:`HostError` FA416 unless every recorded file is there with the recorded bytes."""
    wrong = list(_altered(directory))
    if wrong:
        more = f", and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
        raise HostError(
            Problem(
                "FA416",
                "files in the cache are not what was put there",
                where=os.fspath(directory),
                expected="the bytes of the day it was made",
                seen="; ".join(wrong[:_NAMED]) + more,
                next_step="delete that directory and run again: it is made anew",
            )
        )


def _altered(directory: Path) -> Iterator[str]:
    path = directory / _RECORD
    if not path.is_file():
        yield f"no {_RECORD}"
        return
    left = json.loads(path.read_text(encoding="utf-8"))
    for name, entry in _files(directory):
        size, changed_ns, digest = left.pop(name, (None, None, None))
        if digest is None:
            continue
        facts = entry.stat()
        if (facts.st_size, facts.st_mtime_ns) != (size, changed_ns) and _digest(entry.path) != digest:
            yield f"{name} has changed ({facts.st_size} bytes, recorded {size})"
    for name in left:
        if Path(name).name not in _NOT_OURS:
            yield f"{name} is missing"


def _files(directory: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Every regular file by its path from ``directory``; links are none: what they name may lie elsewhere."""
    ahead = [""]
    while ahead:
        at = ahead.pop()
        with os.scandir(directory / at) as entries:
            for entry in entries:
                name = f"{at}/{entry.name}" if at else entry.name
                if entry.is_dir(follow_symlinks=False):
                    ahead += [name] if entry.name != "__pycache__" else []
                elif entry.is_file(follow_symlinks=False) and entry.name not in _NOT_OURS:
                    yield name, entry


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
