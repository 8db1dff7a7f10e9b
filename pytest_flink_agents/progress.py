"""Progress of long work on pytest's terminal."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rich.progress import Progress

_PREFIX = "[flink-agents] "
# Work that took less needs no time beside it.
_SHOWN_S = 1.0


class ProgressLines:
    """Lines that name what is being waited for, past pytest's capture; none with ``-q``.

    On a terminal a line moves and counts the seconds until anything else is printed, and then stays with its time.
    Without a terminal or without colours each line is printed once, when its work begins.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._moving: _MovingLine | None = None
        # Threads that start parts for workers of pytest-xdist show lines, too.
        self._lock = threading.RLock()

    def show(self, line: str) -> None:
        """Show that this work begins."""
        # Looked up late: at configure time the reporter may not be registered yet.
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if not reporter or self._config.get_verbosity() < 0:
            return
        with self._lock:
            self.end()
            with self._uncaptured():
                reporter.ensure_newline()
                if reporter.isatty and reporter.hasmarkup:
                    # A console of an editor may look like a terminal, and have no descriptor.
                    with contextlib.suppress(OSError, AttributeError):
                        self._moving = _MovingLine(line, self._config.get_terminal_writer())
                if self._moving is None:
                    reporter.write_line(f"{_PREFIX}{line}", cyan=True)

    def end(self) -> None:
        """Let a moving line stay, with the time that its work took."""
        with self._lock:
            moving, self._moving = self._moving, None
        if moving is None:
            return
        took_s = moving.stop()
        took = f" ({took_s:.0f} s)" if took_s >= _SHOWN_S else ""
        with self._uncaptured():
            self._config.get_terminal_writer().line(f"{_PREFIX}{moving.line}{took}", cyan=True)

    @contextlib.contextmanager
    def _uncaptured(self) -> Iterator[None]:
        capture: Any = self._config.pluginmanager.get_plugin("capturemanager")
        with capture.global_and_fixture_disabled() if capture else contextlib.nullcontext():
            yield

    # Whatever pytest prints next comes below the line.

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self) -> None:
        """End the line before the name of a test."""
        self.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self) -> None:
        """End the line before the outcome of a test."""
        self.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """End the line before the traceback."""
        self.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_internalerror(self) -> None:
        """End the line before the traceback."""
        self.end()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self) -> Iterator[None]:
        """End the line of the last work before the summary."""
        yield
        self.end()

    @pytest.hookimpl(tryfirst=True)
    def pytest_enter_pdb(self) -> None:
        """End the line before the prompt of the debugger."""
        self.end()

    def pytest_unconfigure(self) -> None:
        """Give the terminal back."""
        self.end()


class _MovingLine:
    """One line with a spinner and the seconds that have passed, drawn by a thread.

    It has a descriptor of its own, since pytest redirects the terminal's while a test runs. Made while nothing is captured.
    """

    def __init__(self, line: str, writer: Any) -> None:
        # Imported here: most sessions wait for nothing, or have no terminal.
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        from flink_testbed.core import clock

        self.line = line
        self._now_s = clock.now_s
        self._began_s = self._now_s()
        self._stream = os.fdopen(os.dup(writer._file.fileno()), "w", encoding="utf-8")  # noqa: SLF001  # has no other name
        self._progress: Progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", style="cyan", markup=False),
            TimeElapsedColumn(),
            console=Console(file=self._stream, force_terminal=True),
            transient=True,
            # The job's own lines stay where pytest wants them.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._progress.add_task(f"{_PREFIX}{line}", total=None)
        self._progress.start()

    def stop(self) -> float:
        """Remove the line, and return the seconds that it was shown."""
        self._progress.stop()
        self._stream.close()
        return self._now_s() - self._began_s
