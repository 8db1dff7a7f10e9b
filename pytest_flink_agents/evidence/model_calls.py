"""The requests of a run to the model server, and the source of its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One request to the model server.

    Texts to embed are messages with the role ``embedding``. The tokens are those that the server reported, None if the
    client got no reply.

    ``rule`` is the index of the script's rule or of the recorded exchange that answered, None without an answer;
    ``nearest`` says why a chat was refused. ``uncounted`` is True if an answer of a real model does not say how many tokens
    it used.
    """

    wire: str
    model: str
    messages: tuple[Mapping[str, Any], ...]
    rule: int | None
    reply: Mapping[str, Any]
    nearest: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    uncounted: bool = False


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The source of a model's answers that are not scripted.

    ``mode`` is ``replay``, ``record`` or ``live``. ``exchanges`` is the number of recorded ones in a replay. ``unknown``
    says why the service did not answer, and is empty if it always did.
    """

    mode: str
    exchanges: int = 0
    unknown: str = ""

    @property
    def is_real(self) -> bool:
        """True if a real model answered during the run."""
        return self.mode in ("record", "live")
