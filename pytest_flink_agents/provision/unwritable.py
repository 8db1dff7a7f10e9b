"""The error for a place that this user may not write to."""

from __future__ import annotations

from flink_testbed.core.problem import HostError, Problem


def unwritable(error: OSError, next_step: str) -> HostError:
    """Return the error for a file or directory that cannot be written."""
    where = str(error.filename or "")
    return HostError(
        Problem(
            "FA422",
            "cannot write here",
            where=where,
            expected="a directory that this user may write to",
            seen=str(error.strerror),
            next_step=next_step,
        )
    )
