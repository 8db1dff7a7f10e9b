"""``events.jsonl``: what happened in the session, a line each, written at once so that a killed session leaves it."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from flink_testbed.core import clock
from pytest_flink_agents.redact import Redactor


class EventWriter:
    """Appends to one file."""

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._redactor = redactor

    def write(self, kind: str, **fields: Any) -> None:
        """One event: its time (UTC), its kind, and fields that turn into JSON."""
        record = {
            "time": datetime.fromtimestamp(clock.wall_time_s(), timezone.utc).isoformat(timespec="milliseconds"),
            "kind": kind,
            **self._redactor.data(fields),
        }
        self._file.write(json.dumps(record, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """End the file."""
        self._file.close()
