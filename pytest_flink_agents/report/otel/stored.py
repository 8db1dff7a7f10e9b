"""Read a run folder for its trace."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_flink_agents.gate import ItemResult
from pytest_flink_agents.report.stored_run import read_run


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as its files describe it.

    ``verdict`` is the content of ``verdict.json``; ``ended`` has the time at which an item ended, in ISO 8601, by node id.
    """

    folder: Path
    verdict: Mapping[str, Any]
    results: tuple[ItemResult, ...]
    ended: Mapping[str, str]

    def evidence_of(self, result: ItemResult) -> Mapping[str, Any]:
        """Return the evidence of a result, empty if it has none or the file cannot be read."""
        path = self.folder / result.evidence / "evidence.json"
        if not result.evidence or not path.is_file():
            return {}
        try:
            evidence: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))["evidence"]
        except (ValueError, KeyError, TypeError):
            return {}
        return evidence


def read_session(folder: Path) -> StoredSession:
    """Return the session of a run folder.

    Raises ``HostError`` FA430 and ``OSError`` for one that lacks a file.
    """
    ended: dict[str, str] = {}
    with (folder / "events.jsonl").open(encoding="utf-8") as lines:
        for line in lines:
            event = json.loads(line)
            if event.get("kind") == "item_finished":
                ended[event["node_id"]] = event["time"]
    verdict = json.loads((folder / "verdict.json").read_text(encoding="utf-8"))
    return StoredSession(folder, verdict, read_run(folder).results, ended)
