"""One thing that its dead owner left behind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Leftover:
    """A leftover of a ``kind`` such as ``process`` or ``directory``, and the proof that it has no owner."""

    kind: str
    name: str
    why: str
    remove: Callable[[], None] = field(compare=False, repr=False)
