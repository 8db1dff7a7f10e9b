"""Sensory and short-term memory of one key, with the rules of Flink's operator.

An action writes into an overlay, which is applied to the key's store when the action finishes. A
checkpoint therefore never holds half an action, and an action that runs again after a restart reads
the same values as the first time. Values are copied in and out, as on Flink, where they live in the
JVM: changing a list that was read has no effect until the action sets it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flink_agents.api.memory_object import MemoryObject, MemoryType, validate_memory_value
from flink_agents.api.memory_reference import MemoryRef
from pydantic import PrivateAttr

from flink_agents_runtime.engine.state import Item, Store

ROOT = ""
_MIN_LONG, _MAX_LONG = -(2**63), 2**63 - 1


class Overlay:
    """The uncommitted writes of one action, over the store of its key."""

    __slots__ = ("_store", "_written")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: Store = {}

    def read(self, path: str) -> Item | None:
        """Return the item at an absolute path, or None."""
        item = self._written.get(path)
        return self._store.get(path) if item is None else item

    def write(self, path: str, item: Item) -> None:
        """Put an item at an absolute path."""
        self._written[path] = item

    @property
    def written(self) -> Store:
        """Return the uncommitted items by absolute path."""
        return self._written

    @property
    def touched(self) -> dict[str, int]:
        """Return the times in ms from which items age, by absolute path.

        Empty without a time to live.
        """
        return {}

    def commit(self) -> None:
        """Apply all writes to the store."""
        self._store.update(self._written)
        self._written.clear()


class KeyMemory(MemoryObject):
    """The root object of a key's memory, or an object below it.

    Writes raise TypeError for a value that is not JSON-like, and ValueError for a value that would
    replace an object or the reverse.
    """

    _type: MemoryType = PrivateAttr()
    _overlay: Overlay = PrivateAttr()
    _running: Callable[[], Overlay] = PrivateAttr()
    _prefix: str = PrivateAttr()

    def __init__(
        self, memory_type: MemoryType, overlay: Overlay, running: Callable[[], Overlay], prefix: str = ROOT
    ) -> None:
        """Create the object at ``prefix``.

        ``running`` returns the overlay of the action that runs on the calling thread, and raises
        RuntimeError on another thread. It is ``overlay``, unless an agent kept this object beyond
        its action: then it reads for the later action.
        """
        super().__init__()
        self._type = memory_type
        self._overlay = overlay
        self._running = running
        self._prefix = prefix

    def get(self, path_or_ref: str | MemoryRef | Mapping[str, Any]) -> Any:
        """Return the value at a path below this object; an object comes as another KeyMemory.

        Returns None if there is nothing. A reference counts by its path alone, which is relative to
        this object, as on Flink. A reference that travelled in an event arrives as a mapping.
        """
        if isinstance(path_or_ref, dict) and "path" in path_or_ref:
            path_or_ref = MemoryRef.model_validate(path_or_ref)
        path = self._absolute(path_or_ref.path if isinstance(path_or_ref, MemoryRef) else path_or_ref)
        item = self._running().read(path)
        if item is None:
            return None
        return _copied(item[0]) if isinstance(item, tuple) else self._at(path)

    def set(self, path: str, value: Any) -> MemoryRef:
        """Set the value at a path below this object and return a reference."""
        self._check_write()
        validate_memory_value(path, value)
        absolute = self._writable(path)
        if absolute == ROOT or isinstance(self._overlay.read(absolute), dict):
            raise ValueError(f"memory path {absolute!r} is an object; a value cannot replace it")
        self._enter_in_parents(absolute)
        self._overlay.write(absolute, (_checked(value),))
        return MemoryRef(memory_type=self._type, path=absolute)

    def new_object(self, path: str, *, overwrite: bool = False) -> KeyMemory:
        """Return the object at a path below this one, creating it if needed.

        With ``overwrite`` it may replace a value.
        """
        self._check_write()
        absolute = self._writable(path)
        item = self._overlay.read(absolute)
        if isinstance(item, tuple) and not overwrite:
            raise ValueError(f"memory path {absolute!r} holds a value; pass overwrite=True to make it an object")
        self._enter_in_parents(absolute)
        if not isinstance(item, dict):
            self._overlay.write(absolute, {})
        return self._at(absolute)

    def is_exist(self, path: str) -> bool:
        """Return True if a value or object exists at a path below this."""
        return self._running().read(self._absolute(path)) is not None

    def get_field_names(self) -> list[str]:
        """Return the sorted names of the fields of this object."""
        item = self._running().read(self._prefix)
        return sorted(item) if isinstance(item, dict) else []

    def get_fields(self) -> dict[str, Any]:
        """Return the fields of this object.

        A nested object appears as the str ``NestedObject``.
        """
        fields = {}
        overlay = self._running()
        for name in self.get_field_names():
            item = overlay.read(self._absolute(name))
            fields[name] = _copied(item[0]) if isinstance(item, tuple) else "NestedObject"
        return fields

    def _at(self, prefix: str) -> KeyMemory:
        return KeyMemory(self._type, self._overlay, self._running, prefix)

    def _check_write(self) -> None:
        if self._running() is not self._overlay:
            raise RuntimeError(
                "a memory object was kept beyond its action and is written to by another one: on Flink this write is "
                "lost; take the memory from the context of the action that writes"
            )

    def _absolute(self, path: Any) -> str:
        if not isinstance(path, str):
            raise TypeError(f"a memory path is a str or a MemoryRef, not {type(path).__name__}")
        return f"{self._prefix}.{path}" if self._prefix else path

    def _writable(self, path: str) -> str:
        """Return the absolute path for a write. Raises ValueError if its last name is empty.

        Flink's operator drops empty names at the end when it splits a path, and then looks for the
        entry in the wrong object: most such writes fail there, the others cannot be read back.
        """
        absolute = self._absolute(path)
        if absolute.endswith("."):
            raise ValueError(
                f"memory path {absolute!r} ends with an empty name, which Flink's operator cannot write; "
                "name the field behind the last dot"
            )
        return absolute

    def _enter_in_parents(self, absolute: str) -> None:
        """Create every object above a path and list each name in its parent.

        All parents are checked before the first write, so a refused write leaves nothing behind.
        """
        names = absolute.split(".") if absolute else []
        entries = [(".".join(names[:depth]), name) for depth, name in enumerate(names)]
        for parent, _ in entries:
            if isinstance(self._overlay.read(parent), tuple):
                raise ValueError(f"memory path {parent!r} holds a value; {absolute!r} cannot be below it")
        for parent, name in entries:
            item = self._overlay.read(parent) or {}
            if isinstance(item, dict) and name not in item:
                self._overlay.write(parent, {**item, name: None})


def _checked(value: Any) -> Any:
    """Return a copy of a value to be written. Raises ValueError for an int beyond 64 bits.

    Flink's operator stores ints as Java longs.
    """
    if type(value) is int and not _MIN_LONG <= value <= _MAX_LONG:
        raise ValueError(f"memory cannot hold the int {value}, which has more than 64 bits; store it as a str")
    if isinstance(value, list):
        return [_checked(element) for element in value]
    if isinstance(value, dict):
        return {key: _checked(element) for key, element in value.items()}
    return value


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(element) for element in value]
    if isinstance(value, dict):
        return {key: _copied(element) for key, element in value.items()}
    return value
