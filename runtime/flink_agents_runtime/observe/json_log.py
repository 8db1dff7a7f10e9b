"""A log of events as JSON in a file or a logger: what the formats of all releases have in common."""

from __future__ import annotations

import json
import logging
import re
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, BinaryIO

from flink_agents_runtime.config.catalogue import OFF, STANDARD
from flink_agents_runtime.observe.truncation import Limits, is_whole, truncated

# The end of the name of the file with the types of events that a log leaves out.
LEFT_OUT = ".left-out"
# In the environment of a program: the directory of the logs of its job, which the harness reads.
DIRECTORY_VARIABLE = "FLINK_AGENTS_EVENT_LOGS"


class JsonLog(ABC):
    """A log of events in a file, or in the logger of its class. An observer of one engine at a time.

    Each record is flushed. The directory and the file are created with the first record. A log at level STANDARD
    truncates large payloads by ``limits``; with ``pretty`` a record spans several lines.

    Types of which an event came at level OFF are in a file beside it, :data:`LEFT_OUT`, one a line: a program may set
    the level itself, and a reader of the log must know that it is not whole.
    """

    logger: str

    def __init__(self, path: Path | str | None, *, limits: Limits, pretty: bool) -> None:
        self._path = Path(path) if path is not None else None
        self._limits = limits
        self._indent = 2 if pretty else None
        # Created once: json.dumps creates an encoder for each call with options.
        self.encode = json.JSONEncoder(ensure_ascii=False, default=str, indent=self._indent).encode
        self._levels: dict[str, str] = {}
        self._file: BinaryIO | None = None
        # Called for each truncated event; the host counts them.
        self.on_truncated: Callable[[], None] = lambda: None

    @abstractmethod
    def level_of(self, event_type: str) -> str:
        """Return the level at which events of a type are logged."""

    @abstractmethod
    def content(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Return the part of an event that may be truncated."""

    def record_of_text(self, key: Any, level: str, timestamp: str, event_type: str, event: str) -> str | None:
        """Return the text of the record of a whole event, made from the event's own text.

        None, as here, if the record has to be made of the event's values.
        """
        return None

    @abstractmethod
    def record(
        self, key: Any, level: str, timestamp: str, event: Mapping[str, Any], content: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the record of one event with its content."""

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """Write the record of one event, which is given as JSON text."""
        level = self._levels.get(event_type)
        if level is None:
            level = self._levels[event_type] = self.level_of(event_type)
            self._note(event_type, level)
        if level == OFF:
            return
        timestamp = datetime.now(timezone.utc).isoformat(timespec="microseconds").replace("+00:00", "Z")
        text = None
        if self._indent is None and (level != STANDARD or is_whole(event, self._limits)):
            text = self.record_of_text(key, level, timestamp, event_type, event)
        if text is None:
            text = self._record_of_values(key, level, timestamp, json.loads(event))
        if self._path is None:
            logging.getLogger(self.logger).info("%s", text)
            return
        file = self._open(self._path)
        file.write(text.encode() + b"\n")
        file.flush()

    def _note(self, event_type: str, level: str) -> None:
        """Write a type that is left out to the file of those."""
        if level == OFF and self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(LEFT_OUT).open("a", encoding="utf-8") as file:
                file.write(json.dumps(event_type) + "\n")

    def _record_of_values(self, key: Any, level: str, timestamp: str, event: Mapping[str, Any]) -> str:
        content = self.content(event)
        if level == STANDARD:
            whole, content = content, truncated(content, self._limits)
            if content != whole:
                self.on_truncated()
        return self.encode(self.record(key, level, timestamp, event, content))

    def close(self) -> None:
        """Close the file if it is open."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self, path: Path) -> BinaryIO:
        if self._file is None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("ab")
        return self._file


def log_file(directory: str, kind: str, name: str) -> Path:
    """Return the file of a log, in ``flink-agents`` below the directory for temporary files if none is given."""
    folder = Path(directory) if directory else Path(tempfile.gettempdir()) / "flink-agents"
    return folder / f"{kind}-{safe_name(name)}.log"


def safe_name(name: str) -> str:
    """Return the name in characters that any file system takes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name)[-96:]
