"""The memory of each key at the end of a run on Flink, from the files of its subtasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pytest_flink_agents.evidence.model import MemoryOfKey

_FILES = "memory-*.jsonl"
# Bounds the time of reading: an agent that adds to a long list writes the whole list each time.
_LIMIT_BYTES = 256 * 1024 * 1024


def read_memory(directory: Path) -> tuple[MemoryOfKey, ...] | None:
    """Return the memory of each key that has some, as the bundled engine wrote it last.

    After a restart another attempt goes on with a key, and one that was only paused may still write: of the latest
    attempt that wrote a key, the latest line counts. None if no subtask wrote a file, or if the files hold more than
    256 MiB together.
    """
    files = sorted(directory.glob(_FILES))
    if not files or sum(file.stat().st_size for file in files) > _LIMIT_BYTES:
        return None
    latest: dict[str, Mapping[str, Any]] = {}
    for line in (line for file in files for line in _lines(file)):
        key = json.dumps(line["key"], sort_keys=True)
        if key not in latest or _moment(latest[key]) <= _moment(line):
            latest[key] = line
    return tuple(MemoryOfKey(line["key"], line["values"]) for line in latest.values() if line["values"])


def _moment(line: Mapping[str, Any]) -> tuple[int, int]:
    return line["attempt_ns"], line["at_ns"]


def _lines(file: Path) -> Iterator[Mapping[str, Any]]:
    """Yield the lines of a file; the last one is incomplete if its writer was killed."""
    with file.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.endswith("\n"))
