"""Inputs of a local run that wait for outputs.

The harness decides which output releases which input, because it has the matchers. It is asked
after each output, and the run waits for its reply: the order of a run depends on its seed alone,
and never on how fast the harness is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

Record = Mapping[str, Any]
# Takes the key and the value of an output, and returns the numbers of the inputs that it releases.
Ask = Callable[[Any, Any], Iterable[int]]


class HeldInputs:
    """The inputs of a run that are not sent yet, by number; it shrinks as outputs release them."""

    def __init__(self, records: Mapping[int, Record], ask: Ask) -> None:
        self._records = dict(records)
        self._ask = ask

    def __contains__(self, number: int) -> bool:
        return number in self._records

    def __len__(self) -> int:
        return len(self._records)

    def after(self, key: Any, value: Any) -> list[tuple[int, Record]]:
        """Remove and return the inputs that an output releases, with their numbers and in order."""
        if not self._records:
            return []
        return [(number, self._records.pop(number)) for number in self._ask(key, value)]


def ask_through(outputs: Path, replies: Path) -> Ask:
    """Return a function that asks the harness through two named pipes.

    The harness holds both ends of both, so that neither opening nor writing waits for a reader.
    """
    asking = os.open(outputs, os.O_WRONLY)
    answering = os.fdopen(os.open(replies, os.O_RDONLY), encoding="utf-8")

    def ask(key: Any, value: Any) -> Iterable[int]:
        line = json.dumps([key, value]).encode() + b"\n"
        while line:
            line = line[os.write(asking, line) :]
        return list(json.loads(answering.readline()))

    return ask
