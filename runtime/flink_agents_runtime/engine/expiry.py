"""Expiry of short-term memory by the rules of Flink's state TTL.

A value expires ``short-term-memory.state-ttl.ms`` after its last write, or after its last read if the
update type says so, in wall-clock time. An object expires with its youngest field. Expired items are
removed when an action reads them and when a run of their key ends. The times are part of the key's
state and of its checkpoint, so a restart does not make memory younger.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.memory import ROOT, Overlay
from flink_agents_runtime.engine.state import Item, KeyState

_MIN_GRID_MS = 1000


def wall_ms() -> int:
    """Return the milliseconds since 1970, the clock of Flink's state TTL."""
    return time.time_ns() // 1_000_000


class Expiry:
    """The time to live of one agent's short-term memory.

    ``now_ms`` is the clock. With ``on_read`` a read restarts the time. With ``returns_expired`` an
    action may read an expired item that has not been removed yet, once.
    """

    def __init__(self, ttl_ms: int, now_ms: Callable[[], int], *, on_read: bool, returns_expired: bool) -> None:
        self.on_read = on_read
        self.returns_expired = returns_expired
        self.now_ms = now_ms
        self._ttl_ms = ttl_ms

    def overlay(self, state: KeyState) -> Overlay:
        """Return the overlay of an action over a key's short-term memory."""
        return _ExpiringOverlay(state, self)

    def is_over(self, touched_ms: int | None) -> bool:
        """Return True if an item touched at this time has expired.

        An item without a time has not.
        """
        return touched_ms is not None and touched_ms + self._ttl_ms <= self.now_ms()

    def sweep(self, state: KeyState) -> None:
        """Remove expired items. Call it between runs of the key only."""
        for path in [path for path in state.short_term if self.is_over(state.touched.get(path))]:
            remove(state, path)
        now = self.now_ms()
        for path in state.short_term:
            state.touched.setdefault(path, now)

    def next_sweep_ms(self, state: KeyState) -> int | None:
        """Return the time of an idle key's next sweep, or None.

        The times lie on a coarse grid, so that a host sets the same timer for many of them.
        """
        if not state.touched:
            return None
        grid = max(self._ttl_ms // 4, _MIN_GRID_MS)
        return (min(state.touched.values()) + self._ttl_ms) // grid * grid + grid


def expiry_of(config: AgentConfiguration, now_ms: Callable[[], int]) -> Expiry | None:
    """Return the time to live that the options set, or None."""
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
    """Remove an item from short-term memory, and its name from its parent object."""
    state.touched.pop(path, None)
    if state.short_term.pop(path, None) is None or path == ROOT:
        return
    parent, _, name = path.rpartition(".")
    held = state.short_term.get(parent)
    if isinstance(held, dict):
        held.pop(name, None)


class _ExpiringOverlay(Overlay):
    """An overlay that also records touched and expired items until the commit."""

    __slots__ = ("_expiry", "_gone", "_state", "_touched")

    def __init__(self, state: KeyState, expiry: Expiry) -> None:
        super().__init__(state.short_term)
        self._state = state
        self._expiry = expiry
        self._touched: dict[str, int] = {}
        # Items that this action found expired, with the part of each that it may still read.
        self._gone: dict[str, Item | None] = {}

    def read(self, path: str) -> Item | None:
        """Return the item at an absolute path unless it has expired, or None."""
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
        """Return the times in ms from which touched items age."""
        return self._touched

    def commit(self) -> None:
        """Apply removals, writes and times to the state."""
        for path in self._gone:
            # Another action may have written it while this one awaited a call.
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
