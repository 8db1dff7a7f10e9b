"""The stored savepoints: one directory each, listed in ``corpus.json`` with the versions that wrote them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
_LIST = FOLDER / "corpus.json"
AGENT = "tests.support.agents.stored:StoredTill"
KEYS = ("k0", "k1", "k2")
BUSY = "busy"
EACH = 3


@dataclass(frozen=True, slots=True)
class StoredSavepoint:
    """A savepoint of the bundled engine, and the versions that wrote it.

    ``layout`` is that of the keys' states, and ``mode`` Flink's ``python.execution-mode``. The recorded calls say the
    ``name``.
    """

    name: str
    pytest_flink_agents: str
    layout: int
    flink: str
    flink_agents: str
    python: str
    mode: str

    @property
    def path(self) -> Path:
        """The savepoint's directory."""
        return FOLDER / self.name

    @property
    def line(self) -> str:
        """The minor version of Flink."""
        return ".".join(self.flink.split(".")[:2])


def stored_savepoints() -> tuple[StoredSavepoint, ...]:
    """Return all, in the order in which they were written."""
    if not _LIST.exists():
        return ()
    return tuple(StoredSavepoint(**fields) for fields in json.loads(_LIST.read_text(encoding="utf-8")))


def record(savepoint: StoredSavepoint) -> None:
    """Add a savepoint to the list."""
    rows = [json.dumps(asdict(each)) for each in (*stored_savepoints(), savepoint)]
    _LIST.write_text("[\n  " + ",\n  ".join(rows) + "\n]\n", encoding="utf-8")


def purchases(first: int) -> list[dict[str, Any]]:
    """Return ``EACH`` purchases of every key, with the amounts ``first``, ``first`` + 1, ..."""
    return [
        {"key": key, "item": f"item {number}", "amount": number, "waits": False}
        for number in range(first, first + EACH)
        for key in (*KEYS, BUSY)
    ]


def before() -> list[dict[str, Any]]:
    """Return the inputs before a savepoint: one that waits, with inputs of its key queued behind it, and others."""
    return [{"key": BUSY, "item": "slow", "amount": 1000, "waits": True}, *purchases(0)]


def totals(amounts: Sequence[int]) -> list[tuple[int, int]]:
    """Return count and total after each of the amounts."""
    return [(number, sum(amounts[:number])) for number in range(1, len(amounts) + 1)]
