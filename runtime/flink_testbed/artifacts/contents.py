"""Record the files of a finished directory, and find changed ones.

A changed byte is found before it is executed. The record has size, modification time and sha256 of
each file. A file with the recorded size and time counts as unchanged; any other is hashed, since a
cache restored from a backup has new times and the same bytes. A check therefore costs one ``stat``
per file: about 0.1 s for the 20,000 files of a job environment; hashing them takes 4 s. Not
recorded are ``__pycache__``, files added later, and certifi's list of authorities, which companies
extend in place.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem

_RECORD = "contents.json"
_NOT_RECORDED = (_RECORD, "cacert.pem")
_CHUNK = 1 << 20
# A directory that was moved in part has thousands of missing files.
_SHOWN = 3


def record_contents(directory: Path) -> None:
    """Record the current files of the directory."""
    record = {
        name: [entry.stat().st_size, entry.stat().st_mtime_ns, _digest(entry.path)] for name, entry in _files(directory)
    }
    (directory / _RECORD).write_text(json.dumps(record), encoding="utf-8")


def is_recorded(directory: Path) -> bool:
    """Return True if there is a record; directories of early versions have none."""
    return (directory / _RECORD).is_file()


def require_contents(directory: Path) -> None:
    """Raise :class:`HostError` FA416 unless every recorded file exists with the recorded bytes."""
    wrong = list(_altered(directory))
    if wrong:
        more = f", and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise HostError(
            Problem(
                "FA416",
                "the cached files differ from what was stored: disk error, manual edit or truncated copy",
                where=os.fspath(directory),
                expected="the recorded bytes",
                seen="; ".join(wrong[:_SHOWN]) + more,
                next_step="delete the directory; the next run rebuilds it",
            )
        )


def _altered(directory: Path) -> Iterator[str]:
    path = directory / _RECORD
    if not path.is_file():
        yield f"no {_RECORD}"
        return
    # By name: walking through the directories takes twice the time.
    for name, (size, changed_ns, digest) in json.loads(path.read_text(encoding="utf-8")).items():
        wrong = _difference(f"{directory}/{name}", size, changed_ns, digest)
        if wrong and Path(name).name not in _NOT_RECORDED:
            yield f"{name} {wrong}"


def _difference(file: str, size: int, changed_ns: int, digest: str) -> str:
    """Return how a file differs from its record, empty if it does not."""
    try:
        facts = os.lstat(file)
    except OSError:
        return "is missing"
    if not stat.S_ISREG(facts.st_mode):
        return "is no regular file"
    if (facts.st_size, facts.st_mtime_ns) == (size, changed_ns) or _digest(file) == digest:
        return ""
    return f"has changed ({facts.st_size} bytes, recorded {size})"


def _files(directory: Path) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Yield every regular file with its relative path.

    No links, as they may lead out of the directory.
    """
    ahead = [""]
    while ahead:
        at = ahead.pop()
        with os.scandir(directory / at) as entries:
            for entry in entries:
                name = f"{at}/{entry.name}" if at else entry.name
                if entry.is_dir(follow_symlinks=False):
                    ahead += [name] if entry.name != "__pycache__" else []
                elif entry.is_file(follow_symlinks=False) and entry.name not in _NOT_RECORDED:
                    yield name, entry


def _digest(path: str) -> str:
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
