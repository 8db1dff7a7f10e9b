"""One thing that nobody needs any more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Leftover:
    """``kind`` is a word (``process``, ``directory``, ...), ``name`` says which, ``why`` how we know that it is nobody's."""

    kind: str
    name: str
    why: str
    remove: Callable[[], None] = field(compare=False, repr=False)
