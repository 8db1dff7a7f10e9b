"""The owner's end of the pipe to a guard."""

from __future__ import annotations

import os

from flink_testbed.ownership.process_guard import DETACHED


class OwnerPipe:
    """A pipe whose closing is the order to clean up.

    The kernel closes it when this process ends, for whatever reason. ``guard_end`` is for the
    guard's process; call :meth:`started` once the guard has inherited it.
    """

    def __init__(self) -> None:
        self.guard_end, self._owner_end = os.pipe()

    def started(self) -> None:
        """Close this process's copy of the guard's end."""
        os.close(self.guard_end)

    @property
    def is_open(self) -> bool:
        """True until :meth:`close` or :meth:`detach`."""
        return self._owner_end >= 0

    def detach(self) -> int:
        """Give the descriptor to the caller, who passes it to another process.

        The guard hears of it first: without that it would take the end of this process, its parent,
        for the end of the owner.
        """
        descriptor, self._owner_end = self._owner_end, -1
        os.write(descriptor, DETACHED)
        return descriptor

    def close(self) -> None:
        """Order the guard to clean up; no effect the second time."""
        if self.is_open:
            os.close(self._owner_end)
            self._owner_end = -1
