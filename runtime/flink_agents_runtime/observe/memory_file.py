"""The short-term memory of each key as an agent writes it, as a file beside its event log.

Flink shows no state of a job, and the memory at the end of a run is evidence.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.observe.json_log import safe_name


class MemoryFile:
    """The file ``memory-NAME.jsonl`` in ``baseLogDir``, one for each attempt of a subtask.

    It is created at once, so that a reader sees the subtasks that wrote nothing, too. A line
    ``{"key", "values", "attempt_ns", "at_ns"}`` has all values of a key by dotted path, and when the attempt and
    the line were begun, on the clock of ``time.monotonic_ns``, which all processes of a machine share. Each attempt writes
    a key that it processes, also one without memory: values of an earlier attempt may have expired since.
    """

    def __init__(self, config: AgentConfiguration, name: str) -> None:
        path = Path(str(option(config, "baseLogDir"))) / f"memory-{safe_name(name)}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        # Open until the subtask ends. Unbuffered, since its process may be killed.
        self._file = path.open("ab", buffering=0)
        self._attempt_ns = time.monotonic_ns()
        self._written: dict[str, str] = {}

    def write(self, key: Any, values: Mapping[str, Any]) -> None:
        """Write the memory of a key, unless it is as written last."""
        name, text = json.dumps(key, sort_keys=True), json.dumps(values)
        if text == self._written.get(name):
            return
        self._written[name] = text
        times = f'"attempt_ns": {self._attempt_ns}, "at_ns": {time.monotonic_ns()}'
        self._file.write(f'{{"key": {name}, "values": {text}, {times}}}\n'.encode())

    def close(self) -> None:
        """Close the file."""
        self._file.close()
