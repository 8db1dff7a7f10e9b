"""Calls that were made before an interruption of the job, and again after it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.effects import has_effect
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.history import History, Interruption


@dataclass(frozen=True, slots=True)
class Repetition:
    """A call with an effect before an interruption, and the same call after it."""

    first: EffectCall
    again: EffectCall
    interruption: Interruption

    @property
    def text(self) -> str:
        """The repetition in words: which effect, for which key, after what."""
        of_key = "" if self.first.input is None else f" for key {identity(self.first.key)}"
        cause = "" if self.first.input is None else f"input {self.first.input} led to "
        return (
            f"the effect {self.first.endpoint} happened twice{of_key}: {cause}{call_text(self.first)} before "
            f"{self.interruption.cause} and {call_text(self.again)} after it"
        )

    @property
    def seen(self) -> str:
        """The two calls."""
        return f"{call_text(self.first)}, and again {call_text(self.again)}"


def call_text(call: EffectCall) -> str:
    """Return a call in a few words."""
    return f"call {call.sequence} ({call.method} {call.path})"


def repetitions(history: History) -> Iterator[Repetition]:
    """Yield one repetition for each call after an interruption that repeats one before it.

    Calls are the same if they have the same content, input and action. A call that only asks
    may be repeated.
    """
    done = [call for call in history.calls or () if has_effect(call) and not call.asks]
    first: dict[tuple[Any, ...], EffectCall] = {}
    for call in done:
        earlier = first.setdefault((call.content, call.input, call.action), call)
        between = (one for one in history.interruptions if earlier.at_s < one.at_s < call.at_s)
        interruption = next(between, None)
        if interruption is not None:
            yield Repetition(earlier, call, interruption)
