"""The order in which the files of a sink were written."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path


def in_writing_order(files: Iterable[Path]) -> list[Path]:
    """Return the files in the order of their last change.

    A file system stamps files that change within one tick of the kernel (4 ms at 250 Hz) with the same time.
    Numbers in the names decide between these, since Flink's sinks count the files of a subtask: ``part-x-9`` is
    before ``part-x-10``.
    """
    return sorted(files, key=lambda path: (path.stat().st_mtime_ns, _numbered(path)))


def _numbered(path: Path) -> list[str | int]:
    """Return the parts of a path, where a row of digits is a number."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"([0-9]+)", str(path)))]
