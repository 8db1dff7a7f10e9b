"""An index of action executions by key, input and place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from flink_agents_runtime.engine.action_record import Execution, Place

_Content = TypeVar("_Content")


class Index(Generic[_Content]):
    """A mapping from executions to contents, removable by key and input."""

    def __init__(self) -> None:
        self._keys: dict[str, dict[int, dict[Place, _Content]]] = {}

    def __iter__(self) -> Iterator[tuple[Execution, _Content]]:
        for key, runs in self._keys.items():
            for sequence, places in runs.items():
                for place, content in places.items():
                    yield Execution(key, sequence, place), content

    def keys(self) -> frozenset[str]:
        """Return the keys that have an entry."""
        return frozenset(self._keys)

    def run(self, key: str, sequence: int) -> dict[Place, _Content]:
        """Return the contents of one input's run, by place."""
        return self._keys.get(key, {}).get(sequence, {})

    def put(self, execution: Execution, content: _Content) -> None:
        """Set the content of an execution."""
        runs = self._keys.setdefault(execution.key, {})
        runs.setdefault(execution.sequence, {})[execution.place] = content

    def take(self, key: str, chosen: Callable[[int], bool]) -> list[Execution]:
        """Remove the chosen inputs of a key; return their executions."""
        runs = self._keys.get(key, {})
        taken = {sequence: runs.pop(sequence) for sequence in [*runs] if chosen(sequence)}
        if not runs:
            self._keys.pop(key, None)
        return [Execution(key, sequence, place) for sequence, places in taken.items() for place in places]
