"""The one way to write a file of the report."""

from __future__ import annotations

import os
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem


def write_text(path: Path, text: str) -> None:
    """Write a file in UTF-8.

    Raises ``HostError`` FA422 if the disk is full or the directory is gone.
    """
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file. Raises ``HostError`` FA422 like :func:`write_text`."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise cannot_write(path, error) from None


def cannot_write(path: Path, error: OSError) -> HostError:
    """Return the error for a file of the report.

    An ``OSError`` of a write, unlike one of an open, names no file.
    """
    return HostError(
        Problem(
            "FA422",
            "cannot write the report",
            str(path),
            "a directory that this user may write to, with space left",
            error.strerror or os.strerror(error.errno or 0),
            "free some space, or name another directory with --flink-report-dir",
        )
    )
