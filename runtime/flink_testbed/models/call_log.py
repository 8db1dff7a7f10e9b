"""The record of the calls to a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, final

from flink_testbed.core.clock import wall_time_s
from flink_testbed.models.call import Call
from flink_testbed.models.rule import Fault, Usage

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flink_testbed.models.chat import ChatRequest
    from flink_testbed.models.script import Answer
    from flink_testbed.models.wire import Wire


@final
class CallLog:
    """The calls to one channel, in order of arrival.

    Not thread-safe: the channel holds its lock.
    """

    def __init__(self) -> None:
        self._calls: list[Call] = []

    @property
    def calls(self) -> tuple[Call, ...]:
        """Every call so far."""
        return tuple(self._calls)

    def drop_last(self) -> None:
        """Remove the last call, which is recorded in another way."""
        self._calls.pop()

    def add(
        self,
        wire: Wire,
        request: ChatRequest,
        *,
        answer: Answer | None = None,
        reply: Mapping[str, Any] | None = None,
        usage: Usage | None = None,
        refused: tuple[int, str] | None = None,
        rule: int | None = None,
        status: int | None = None,
    ) -> Call:
        """Add the call for a request, and return it.

        ``refused`` has the status and the reason of a refusal, ``rule`` and ``status`` are of a recorded
        exchange; those of a script are in its ``answer``.
        """
        fault = (answer and answer.fault) or Fault()
        status, nearest = refused or (status or fault.status or (0 if fault.reset else 200), "")
        call = Call(
            seq=len(self._calls) + 1,
            wall_time_s=wall_time_s(),
            wire=wire.NAME,
            model=request.model,
            messages=request.messages,
            tools=request.tools,
            rule=answer.rule if answer else rule,
            reply={} if fault.replaces_reply or reply is None else reply,
            nearest=nearest,
            status=status,
            faults=fault.names,
            usage=None if fault.replaces_reply else usage,
        )
        self._calls.append(call)
        return call
