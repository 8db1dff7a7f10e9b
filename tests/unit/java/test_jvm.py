"""The channel to a JVM, with a pipe in place of one."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flink_agents_runtime.java import jvm
from flink_agents_runtime.java.errors import JavaPartError, JavaTimeoutError
from flink_agents_runtime.java.wire import of_bytes


class Pipes:
    """A process that reads nothing: its standard input, and whether it was killed."""

    def __init__(self) -> None:
        self.read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        self.stdin = os.fdopen(write_end, "wb")
        self.killed = False

    def kill(self) -> None:
        self.killed = True

    def wait(self, _seconds: float) -> int:
        return -9


@pytest.fixture
def process() -> Iterator[Pipes]:
    """Two ends of a pipe."""
    pipes = Pipes()
    yield pipes
    os.close(pipes.read_end)
    pipes.stdin.close()


def channel(process: Pipes) -> Any:
    """Return a JVM behind the pipe."""
    made: Any = object.__new__(jvm.Jvm)
    made._process, made._lock, made._ended_because = process, threading.Lock(), ""
    return made


def test_a_jvm_that_does_not_read_is_ended_at_the_deadline(process: Pipes) -> None:
    began_s = time.monotonic()
    with pytest.raises(JavaTimeoutError, match="the tool x could not be sent before its deadline"):
        channel(process)._send(jvm._CALL, 1, bytes(1_000_000), "the tool x", began_s + 0.2)
    assert time.monotonic() - began_s < 5
    assert process.killed


def test_a_call_that_waits_for_another_one_to_be_sent_ends_at_its_deadline(process: Pipes) -> None:
    busy = channel(process)
    with busy._lock, pytest.raises(JavaTimeoutError, match="another call is being sent"):
        busy._send(jvm._CALL, 1, b"", "the tool x", time.monotonic() + 0.1)
    assert not process.killed


def test_a_value_beyond_the_limit_of_a_frame_is_refused_before_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jvm, "_MAX_FRAME", 20)
    assert jvm._limited(bytes(11), "the tool x") == bytes(11)
    with pytest.raises(JavaPartError, match="the tool x has 12 bytes for Java; the limit is 11"):
        jvm._limited(bytes(12), "the tool x")


def test_an_answer_that_cannot_be_sent_is_a_failure_for_java(process: Pipes) -> None:
    def answers(_name: str, _arguments: list[Any]) -> Any:
        raise ValueError("half \ud800 of it")

    failed = channel(process)._answer(7, ["resource", []], answers, "the tool x", time.monotonic() + 5)
    assert isinstance(failed, ValueError)
    size, kind, number = jvm._HEADER.unpack(os.read(process.read_end, jvm._HEADER.size))
    assert (kind, number) == (jvm._FAILED, 7)
    assert "ValueError: half ? of it" in of_bytes(os.read(process.read_end, size))
