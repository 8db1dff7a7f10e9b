"""Measure records a second over payload size and number of keys, without Flink.

Run it as ``python -m bench.local_curves`` inside a job environment, like ``local_engine.py``. Writes JSON:
``{"payload" or "keys": {"values": [...], "series": {name: [records/s, ...]}}}``.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

from bench.local_contestants import Plain, Record, bare, logging_off, ours, seconds_of, upstreams

ROUNDS = 5
RECORDS = 500
PAYLOAD_LINES, KEYS = (0, 1, 4, 16, 64), (1, 10, 100, 500)
_LINE = {"sku": "s-1", "count": 2, "price": 9.99, "tags": ["a", "b", "c"], "note": "a text of a line of an order"}
_CONTESTANTS = {"bundled engine": ours, "upstream's runner": upstreams, "action alone": bare}


def records(lines: int, keys: int) -> list[Record]:
    """Return orders of so many lines, distributed over the keys in turn."""
    return [
        {"key": f"k{number % keys}", "value": {"id": f"o-{number}", "lines": [dict(_LINE) for _ in range(lines)]}}
        for number in range(RECORDS)
    ]


def rates(inputs: list[Record]) -> dict[str, float]:
    """Return the records a second of processor time of each contestant, the median of alternating rounds."""
    taken: dict[str, list[float]] = {name: [] for name in _CONTESTANTS}
    for _ in range(ROUNDS):
        for name, contestant in _CONTESTANTS.items():
            run = contestant(Plain, inputs)
            with logging_off():
                taken[name].append(seconds_of(run, RECORDS, time.process_time))
    return {name: RECORDS / statistics.median(times) for name, times in taken.items()}


def curve(values: list[int], inputs: list[list[Record]]) -> dict[str, Any]:
    """Return the series over these values, one list of inputs for each."""
    measured = [rates(each) for each in inputs]
    return {"values": values, "series": {name: [rate[name] for rate in measured] for name in _CONTESTANTS}}


def main(path: str) -> None:
    """Measure and write the curves."""
    payloads = [records(lines, 100) for lines in PAYLOAD_LINES]
    sizes = [len(json.dumps(inputs[0]["value"])) for inputs in payloads]
    curves = {
        "payload": curve(sizes, payloads),
        "keys": curve(list(KEYS), [records(1, keys) for keys in KEYS]),
    }
    Path(path).write_text(json.dumps(curves) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
