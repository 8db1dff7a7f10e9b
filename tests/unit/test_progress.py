"""Lines of progress from several threads: one at a time, and each of them whole."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_flink_agents import progress

LINES = [f"Flink [2.{number}]: starting" for number in range(12)]


class Terminal:
    """pytest's terminal reporter and writer; what it is asked to do takes a moment."""

    def __init__(self, *, isatty: bool) -> None:
        self.isatty = self.hasmarkup = isatty
        self.done: list[str] = []

    def ensure_newline(self) -> None:
        self.done.append("newline")
        time.sleep(0.001)

    def write_line(self, text: str, **_: Any) -> None:
        self.done.append(text)

    line = write_line


def lines_on(terminal: Terminal) -> progress.ProgressLines:
    plugins = {"terminalreporter": terminal}
    config: Any = SimpleNamespace(
        pluginmanager=SimpleNamespace(get_plugin=plugins.get),
        get_verbosity=lambda: 0,
        get_terminal_writer=lambda: terminal,
    )
    return progress.ProgressLines(config)


def show_all(lines: progress.ProgressLines) -> None:
    with ThreadPoolExecutor(len(LINES)) as threads:
        list(threads.map(lines.show, LINES))


def test_each_thread_has_its_line_whole_and_on_a_new_line() -> None:
    terminal = Terminal(isatty=False)
    show_all(lines_on(terminal))
    assert terminal.done[::2] == ["newline"] * len(LINES)
    assert sorted(terminal.done[1::2]) == sorted(f"[flink-agents] {line}" for line in LINES)


def test_only_one_line_moves_and_each_one_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    moving: list[str] = []

    class Moving:
        def __init__(self, line: str, _: object) -> None:
            self.line = line
            moving.append(line)
            assert moving == [line], "two lines move at once"

        def stop(self) -> float:
            time.sleep(0.001)
            moving.remove(self.line)
            return 0.0

    monkeypatch.setattr(progress, "_MovingLine", Moving)
    terminal = Terminal(isatty=True)
    lines = lines_on(terminal)
    show_all(lines)
    lines.end()
    assert moving == []
    stayed = [text for text in terminal.done if text != "newline"]
    assert sorted(stayed) == sorted(f"[flink-agents] {line}" for line in LINES)
