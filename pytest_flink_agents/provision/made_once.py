"""Parts of a session that are made on first use and kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from flink_testbed.core.problem import HostError
from pytest_flink_agents.provision.unwritable import unwritable

T = TypeVar("T")


class MadeOnce:
    """Parts by name, each made when it is first asked for.

    One that could not be made is not tried again: the second scenario gets the same error at once.
    """

    def __init__(self) -> None:
        self._made: dict[str, object] = {}

    def get(self, name: str, make: Callable[[], T]) -> T:
        """Return the part, made at the first call.

        An error of the first call is raised again at each later one.
        """
        if name not in self._made:
            try:
                self._made[name] = make()
            except HostError as error:
                self._made[name] = error
            except OSError as error:
                self._made[name] = unwritable(error, "name another place with FLINK_AGENTS_TEST_CACHE_DIR")
        value = self._made[name]
        if isinstance(value, HostError):
            raise value
        return value  # type: ignore[return-value]  # the value of make() for this name

    def made(self, name: str) -> object:
        """Return the part if it was made, its error if that failed, None if it was not asked for."""
        return self._made.get(name)

    def forget(self, name: str) -> None:
        """Let the next call make the part again."""
        self._made.pop(name, None)
