"""The metrics of an agent's subtasks, as one mapping."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_FILES, _UNFINISHED = "metrics-*.json", "metrics-*.part"
_COUNT, _MIN = re.compile(r"[._]count$"), re.compile(r"[._]min$")
# Other metrics whose sum over subtasks has no meaning.
_NO_SUM = re.compile(r"LatencyMs|Watermark|[._](?:mean|max|stddev|median|p\d+)$")


def read_metrics(directory: Path) -> dict[str, float] | None:
    """Return the last metrics of a job with the bundled engine, None if any are missing.

    Each subtask writes one file when it ends, also one that a restart replaces. If its process was
    killed, its unfinished file remains.
    """
    if any(directory.glob(_UNFINISHED)):
        return None
    files = sorted(directory.glob(_FILES))
    return merged(json.loads(path.read_text(encoding="utf-8")) for path in files) or None


def merged(shares: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the metrics of all subtasks together.

    Values are added up. Of minima the smallest counts, of latencies and others without a sum the
    largest.
    """
    seen: dict[str, list[float]] = {}
    for share in shares:
        for name, value in share.items():
            seen.setdefault(name, []).append(value)
    return {name: _together(name, values) for name, values in seen.items()}


def _together(name: str, values: list[float]) -> float:
    if _COUNT.search(name):
        return sum(values)
    if _MIN.search(name):
        return min(values)
    return max(values) if _NO_SUM.search(name) else sum(values)
