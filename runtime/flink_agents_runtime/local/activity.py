"""The action that a process runs, in memory shared with its parent.

A process that dies cannot report anything. What it wrote here before each step of an action stays
readable, at the price of a microsecond or two per step.
"""

from __future__ import annotations

import json
import mmap
import struct
from dataclasses import dataclass
from typing import Any

from flink_agents_runtime.engine.engine import Engine

_SIZE = 4096
_LENGTH = struct.Struct("<I")
# Created once: json.dumps creates an encoder for each call with a default.
_encoded = json.JSONEncoder(default=repr).encode


@dataclass(frozen=True, slots=True)
class Step:
    """The last step that began: agent, action and key."""

    agent: str
    action: str
    key: Any


class Activity:
    """A note of the last step, in memory shared with the parent."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    def note(self, agent: str, action: str, key: Any) -> None:
        """Write the step that begins now."""
        content = _encoded([agent, action, key]).encode()
        if len(content) > _SIZE - _LENGTH.size:
            content = json.dumps([agent[:200], action[:200], "(a long key)"]).encode()
        self._memory[: _LENGTH.size + len(content)] = _LENGTH.pack(len(content)) + content

    def last(self) -> Step | None:
        """Return the last step, or None if no action has begun."""
        (length,) = _LENGTH.unpack(self._memory[: _LENGTH.size])
        if not length:
            return None
        try:
            return Step(*json.loads(self._memory[_LENGTH.size : _LENGTH.size + length]))
        except ValueError:  # the process died in the middle of a note
            return None

    def close(self) -> None:
        """Free the memory."""
        self._memory.close()


class WatchedEngine(Engine):
    """An engine that notes each step of an action before it begins."""

    activity: Activity | None = None

    @property
    def stepping(self) -> Any:
        """The context of the action that runs now, or None."""
        return self._stepping

    @stepping.setter
    def stepping(self, context: Any) -> None:
        self._stepping = context
        if context is not None and self.activity is not None:
            self.activity.note(self.plan.agent_name, context.task.action, context.state_key)
