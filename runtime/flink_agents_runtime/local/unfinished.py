"""The work that was not finished at a deadline."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Unfinished work at a deadline.

    ``action`` is empty if the run of the key's next input had not begun; ``input`` is the JSON
    value of the input in flight. All three fields are empty if the loop waited for an input.
    """

    key: Any
    action: str
    input: Any = None

    def __str__(self) -> str:
        if self.key is None and not self.action:
            return "the next input, which the iterable did not yield"
        what = f"action {self.action!r}" if self.action else "the next input"
        return f"{what} of key {self.key!r}" + (f" with input {json.dumps(self.input)}" if self.action else "")
