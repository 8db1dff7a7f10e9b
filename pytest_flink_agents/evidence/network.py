"""The connections of a run that its scenario's ``network`` blocked."""

from __future__ import annotations

import json
from pathlib import Path

_FILES = "network-*.jsonl"


def read_blocked(directory: Path, *, whole: bool = True) -> tuple[str, ...] | None:
    """Return the blocked addresses, each once; None if no limit was in force.

    Each process of the agent writes a file when it begins, and a line before each connection fails.
    A line that a killed process wrote in part is counted, because it was about a blocked connection.
    Without ``whole``, processes of the run write to another machine: that no address is recorded
    here proves nothing, and the result is None.
    """
    files = sorted(directory.glob(_FILES))
    lines = [line for path in files for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    blocked = tuple(dict.fromkeys(_address(line) for line in lines if line.strip()))
    return blocked if blocked or (files and whole) else None


def _address(line: str) -> str:
    try:
        return str(json.loads(line)["blocked"])
    except (ValueError, KeyError, TypeError):
        return "an address that was not recorded completely"
