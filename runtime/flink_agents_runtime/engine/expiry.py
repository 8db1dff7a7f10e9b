"""Short-term memory that expires, with the rules of Flink's state TTL, for each value by itself.

A value expires ``short-term-memory.state-ttl.ms`` after it was last written, or read where the update type says so, in
wall-clock time. An object lives as long as the youngest thing in it. What has expired is removed when it is come upon
and when a run of its key ends. The times are part of the key's state, and so of its checkpoint: after a restart memory
is as old as it is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.memory import ROOT, Overlay
from flink_agents_runtime.engine.state import Item, KeyState

_LEAST_GRID_MS = 1000


def wall_ms() -> int:
    """Milliseconds since 1970, what Flink counts a time to live in."""
    return time.time_ns() // 1_000_000


class Expiry:
    """The time to live of one agent's short-term memory. ``now_ms`` is the clock.

    ``on_read`` lets a read begin it anew. ``returns_expired`` lets an action still read, once, what has expired and was
    not removed yet.
    """

    def __init__(self, ttl_ms: int, now_ms: Callable[[], int], *, on_read: bool, returns_expired: bool) -> None:
        self.on_read = on_read
        self.returns_expired = returns_expired
        self.now_ms = now_ms
        self._ttl_ms = ttl_ms

    def overlay(self, state: KeyState) -> Overlay:
        """What an action writes and sees of a key's short-term memory."""
        return _ExpiringOverlay(state, self)

    def is_over(self, touched_ms: int | None) -> bool:
        """Whether something last touched then has expired. What has no time begins to age now."""
        return touched_ms is not None and touched_ms + self._ttl_ms <= self.now_ms()

    def sweep(self, state: KeyState) -> None:
        """Remove what has expired. To be called between runs of the key."""
        for path in [path for path in state.short_term if self.is_over(state.touched.get(path))]:
            remove(state, path)
        now = self.now_ms()
        for path in state.short_term:
            state.touched.setdefault(path, now)

    def next_sweep_ms(self, state: KeyState) -> int | None:
        """When to sweep a key that no input comes for; None where it holds nothing.

        On a coarse grid, so that a host that sets a timer for it sets the same one again and again.
        """
        if not state.touched:
            return None
        grid = max(self._ttl_ms // 4, _LEAST_GRID_MS)
        return (min(state.touched.values()) + self._ttl_ms) // grid * grid + grid


def expiry_of(config: AgentConfiguration, now_ms: Callable[[], int]) -> Expiry | None:
    """What the options ask for, None where memory does not expire."""
    ttl_ms = option(config, "short-term-memory.state-ttl.ms")
    if not ttl_ms:
        return None
    return Expiry(
        ttl_ms,
        now_ms,
        on_read=option(config, "short-term-memory.state-ttl.update-type") == "ON_READ_AND_WRITE",
        returns_expired=option(config, "short-term-memory.state-ttl.visibility") == "RETURN_EXPIRED_IF_NOT_CLEANED_UP",
    )


def remove(state: KeyState, path: str) -> None:
    """Take an item out of short-term memory, and its name out of the object that holds it."""
    state.touched.pop(path, None)
    if state.short_term.pop(path, None) is None or path == ROOT:
        return
    parent, _, name = path.rpartition(".")
    held = state.short_term.get(parent)
    if isinstance(held, dict):
        held.pop(name, None)


class _ExpiringOverlay(Overlay):
    """Remembers too what was touched and what was found expired; both reach the state with the writes."""

    __slots__ = ("_expiry", "_gone", "_state", "_touched")

    def __init__(self, state: KeyState, expiry: Expiry) -> None:
        super().__init__(state.short_term)
        self._state = state
        self._expiry = expiry
        self._touched: dict[str, int] = {}
        # What this action found expired -> what it may still see of it.
        self._gone: dict[str, Item | None] = {}

    def read(self, path: str) -> Item | None:
        """The item at an absolute path, None where there is none or it has expired."""
        if path in self._gone:
            return self._gone[path]
        item = super().read(path)
        if item is None:
            return None
        if self._is_over(path):
            self._gone[path] = item if self._expiry.returns_expired else None
            return self._gone[path]
        if self._expiry.on_read:
            self._touch(path)
        return dict.fromkeys(self._alive(path, item)) if isinstance(item, dict) else item

    def write(self, path: str, item: Item) -> None:
        """Put an item at an absolute path."""
        super().write(path, item)
        self._gone.pop(path, None)
        self._touch(path)

    @property
    def touched(self) -> dict[str, int]:
        """When what was touched begins to age."""
        return self._touched

    def commit(self) -> None:
        """Hand removals, writes and times to the state."""
        for path in self._gone:
            # Another action may have written it while this one waited.
            if self._expiry.is_over(self._state.touched.get(path)):
                remove(self._state, path)
        super().commit()
        self._state.touched.update(self._touched)
        self._touched.clear()

    def _alive(self, path: str, names: dict[str, None]) -> Iterator[str]:
        for name in names:
            child = f"{path}.{name}" if path else name
            if child in self._gone:
                alive = self._gone[child] is not None
            else:
                alive = self._expiry.returns_expired or not self._is_over(child)
            if alive:
                yield name

    def _is_over(self, path: str) -> bool:
        return path not in self._touched and self._expiry.is_over(self._state.touched.get(path))

    def _touch(self, path: str) -> None:
        now = self._expiry.now_ms()
        self._touched[path] = now
        while path != ROOT:
            path = path.rpartition(".")[0]
            self._touched[path] = now
