"""``breakpoint()`` in an agent opens pdb in the terminal of the test session.

The worker has no terminal of its own: its standard input and output are the channel to the harness.
"""

from __future__ import annotations

import os
import sys
from typing import Any

# Set by the harness to the path of its terminal.
TERMINAL_VARIABLE = "FLINK_AGENTS_DEBUG_TERMINAL"


def use_terminal() -> None:
    """Let ``breakpoint()`` open the session's terminal, if there is one for that."""
    terminal = os.environ.get(TERMINAL_VARIABLE)
    if terminal:
        sys.breakpointhook = _Hook(terminal)


class _Hook:
    """Open the terminal at the first call, and stop in the caller at each."""

    def __init__(self, terminal: str) -> None:
        self._terminal = terminal
        self._debugger: Any = None

    def __call__(self, *_: Any, **__: Any) -> None:
        if self._debugger is None:
            # Late, as every run imports this module.
            import pdb  # noqa: T100 - this is what breakpoint() opens

            # Two files, as a terminal cannot seek. Without O_NOCTTY it could become the terminal of this process, which
            # would then get its signals.
            reading, writing = (os.open(self._terminal, mode | os.O_NOCTTY) for mode in (os.O_RDONLY, os.O_WRONLY))
            self._debugger = pdb.Pdb(stdin=os.fdopen(reading), stdout=os.fdopen(writing, "w"), nosigint=True)
        self._debugger.set_trace(sys._getframe(1))  # noqa: SLF001 - as breakpoint() itself does
