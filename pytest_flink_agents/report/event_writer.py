"""``events.jsonl``: one line for each step of a session, written at once."""

from __future__ import annotations

import contextlib
import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from flink_testbed.core import clock
from pytest_flink_agents.redact import Redactor, printable_json
from pytest_flink_agents.report.files import cannot_write

EVENTS_FILE = "events.jsonl"


class EventWriter:
    """A file of events that is flushed after each line.

    A killed session has then written everything up to its end.

    A full disk must not end the session at its next step: the first error stops the writing, and :meth:`close` raises it.
    """

    def __init__(self, path: Path, redactor: Redactor) -> None:
        self._path = path
        self._redactor = redactor
        self._error: OSError | None = None
        self._file: TextIO | None = None
        try:
            self._file = path.open("a", encoding="utf-8")
        except OSError as error:
            self._error = error

    def write(self, kind: str, **fields: Any) -> None:
        """Write one event: its time (UTC), its kind, and fields that JSON can hold."""
        if self._error or not self._file:
            return
        record = {
            "time": datetime.fromtimestamp(clock.wall_time_s(), timezone.utc).isoformat(timespec="milliseconds"),
            "kind": kind,
            **self._redactor.data(fields),
        }
        try:
            self._file.write(printable_json(json.dumps(record, ensure_ascii=False)) + "\n")
            self._file.flush()
        except OSError as error:
            self._error = error

    def close(self) -> None:
        """Close the file.

        Raises ``HostError`` FA422 if an event could not be written.
        """
        # After a failed flush, closing tries to write the same bytes again.
        with contextlib.suppress(OSError):
            if self._file:
                self._file.close()
        if self._error:
            raise cannot_write(self._path, self._error)
