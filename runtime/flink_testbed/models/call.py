"""A call to a model as it is recorded, and the response to send."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flink_testbed.models.chat import Body
from flink_testbed.models.rule import Usage


@dataclass(frozen=True, slots=True)
class Call:
    """A request, recorded before its response was sent.

    - ``seq`` counts from 1 in a channel; ``wall_time_s`` is seconds since 1970.
    - ``messages`` are those of a chat; texts to embed are messages with the role ``embedding``.
    - ``tools`` are the names of the offered tools.
    - ``rule`` is the index of the matching rule, from 0, or None. Texts to embed need no rule.
    - ``reply`` is plain data: ``text`` and ``tool_calls``, or the number of ``embeddings``. If the
      client got no reply, it is empty and ``usage`` is None.
    - ``nearest`` is the reason for a refusal, empty otherwise.
    - ``status`` is the HTTP status, 0 for a reset; ``faults`` names the faults of the rule.
    """

    seq: int
    wall_time_s: float
    wire: str
    model: str
    messages: tuple[Mapping[str, Any], ...]
    tools: tuple[str, ...]
    rule: int | None
    reply: Mapping[str, Any]
    nearest: str
    status: int
    faults: tuple[str, ...]
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """The response or ``reset`` to send after ``delay_s``, and the names of its ``faults``.

    With ``truncate`` the header announces the whole body, but only half of it is sent.
    """

    status: int
    body: Body
    retry_after_s: float | None = None
    delay_s: float = 0.0
    reset: bool = False
    truncate: bool = False
    faults: tuple[str, ...] = ()
