"""Sensory and short-term memory of one key, with the rules of the Flink operator.

An action writes into an overlay that reaches the key's store when the action finishes: so a checkpoint never sees half
an action, and an action that is run again starts from what it saw the first time. Values are copied in and out: what an
action does to a list it got is not seen by anybody until it sets it, as on Flink, where values live in the JVM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flink_agents.api.memory_object import MemoryObject, MemoryType, validate_memory_value
from flink_agents.api.memory_reference import MemoryRef
from pydantic import PrivateAttr

from flink_agents_runtime.engine.state import Item, Store

ROOT = ""


class Overlay:
    """What one action has written so far, over the store of its key."""

    __slots__ = ("_store", "_written")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._written: Store = {}

    def read(self, path: str) -> Item | None:
        """The item at an absolute path, None where there is none."""
        item = self._written.get(path)
        return self._store.get(path) if item is None else item

    def write(self, path: str, item: Item) -> None:
        """Put an item at an absolute path."""
        self._written[path] = item

    @property
    def written(self) -> Store:
        """The items written so far, by absolute path."""
        return self._written

    @property
    def touched(self) -> dict[str, int]:
        """When what was written, or read, begins to age, in ms by absolute path; nothing where memory does not expire."""
        return {}

    def commit(self) -> None:
        """Hand all writes to the store."""
        self._store.update(self._written)
        self._written.clear()


class KeyMemory(MemoryObject):
    """An object in a key's memory: the root, or one below it.

    Raises TypeError for values that are not JSON-like, ValueError where a value would replace an object or the other
    way round.
    """

    _type: MemoryType = PrivateAttr()
    _overlay: Overlay = PrivateAttr()
    _check: Callable[[], None] = PrivateAttr()
    _prefix: str = PrivateAttr()

    def __init__(
        self, memory_type: MemoryType, overlay: Overlay, check: Callable[[], None], prefix: str = ROOT
    ) -> None:
        """``check`` is called before each use; it raises where the memory must not be used (another thread)."""
        super().__init__()
        self._type = memory_type
        self._overlay = overlay
        self._check = check
        self._prefix = prefix

    def get(self, path_or_ref: str | MemoryRef) -> Any:
        """The value, or the object as another KeyMemory, at a path below this object or at a reference; else None."""
        self._check()
        path = path_or_ref.path if isinstance(path_or_ref, MemoryRef) else self._absolute(path_or_ref)
        item = self._overlay.read(path)
        if item is None:
            return None
        return _copied(item[0]) if isinstance(item, tuple) else self._at(path)

    def set(self, path: str, value: Any) -> MemoryRef:
        """Set the value at a path below this object; objects on the way are made. Returns a reference to it."""
        self._check()
        validate_memory_value(path, value)
        absolute = self._absolute(path)
        if absolute == ROOT or isinstance(self._overlay.read(absolute), dict):
            raise ValueError(f"memory path {absolute!r} is an object; a value cannot replace it")
        self._enter_in_parents(absolute)
        self._overlay.write(absolute, (_copied(value),))
        return MemoryRef(memory_type=self._type, path=absolute)

    def new_object(self, path: str, *, overwrite: bool = False) -> KeyMemory:
        """The object at a path below this one, made where there is none. ``overwrite`` lets it replace a value."""
        self._check()
        absolute = self._absolute(path)
        item = self._overlay.read(absolute)
        if isinstance(item, tuple) and not overwrite:
            raise ValueError(f"memory path {absolute!r} holds a value; pass overwrite=True to make it an object")
        self._enter_in_parents(absolute)
        if not isinstance(item, dict):
            self._overlay.write(absolute, {})
        return self._at(absolute)

    def is_exist(self, path: str) -> bool:
        """Whether there is a value or an object at a path below this object."""
        self._check()
        return self._overlay.read(self._absolute(path)) is not None

    def get_field_names(self) -> list[str]:
        """The names of the fields of this object, sorted."""
        self._check()
        item = self._overlay.read(self._prefix)
        return sorted(item) if isinstance(item, dict) else []

    def get_fields(self) -> dict[str, Any]:
        """The fields of this object by name; a nested object shows as the text ``NestedObject``."""
        fields = {}
        for name in self.get_field_names():
            item = self._overlay.read(self._absolute(name))
            fields[name] = _copied(item[0]) if isinstance(item, tuple) else "NestedObject"
        return fields

    def _at(self, prefix: str) -> KeyMemory:
        return KeyMemory(self._type, self._overlay, self._check, prefix)

    def _absolute(self, path: str) -> str:
        if not path:
            return self._prefix
        return f"{self._prefix}.{path}" if self._prefix else path

    def _enter_in_parents(self, absolute: str) -> None:
        """Make every object above a path, and enter each name in its parent. Checks all before it writes any."""
        names = absolute.split(".") if absolute else []
        entries = [(".".join(names[:depth]), name) for depth, name in enumerate(names)]
        for parent, _ in entries:
            if isinstance(self._overlay.read(parent), tuple):
                raise ValueError(f"memory path {parent!r} holds a value; {absolute!r} cannot lie below it")
        for parent, name in entries:
            item = self._overlay.read(parent) or {}
            if isinstance(item, dict) and name not in item:
                self._overlay.write(parent, {**item, name: None})


def _copied(value: Any) -> Any:
    if isinstance(value, list):
        return [_copied(element) for element in value]
    if isinstance(value, dict):
        return {key: _copied(element) for key, element in value.items()}
    return value
