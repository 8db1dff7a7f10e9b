"""The channel to a JVM, with a pipe in place of one."""

from __future__ import annotations

import itertools
import os
import select
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import pytest

from flink_agents_runtime.java import jvm
from flink_agents_runtime.java.errors import JavaError, JavaPartError, JavaTimeoutError
from flink_agents_runtime.java.wire import of_bytes, to_bytes


class Pipes:
    """A process that reads nothing by itself: its standard input, and whether it was killed."""

    def __init__(self) -> None:
        self.read_end, write_end = os.pipe()
        os.set_blocking(write_end, False)
        self.stdin = os.fdopen(write_end, "wb")
        self.killed = False

    def read(self, seconds: float) -> None:
        """Read whatever comes for a while."""
        ends_s = time.monotonic() + seconds
        while (left_s := ends_s - time.monotonic()) > 0:
            if select.select([self.read_end], [], [], left_s)[0]:
                os.read(self.read_end, 65_536)

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
    made._numbers, made._waiting, made._call_s = itertools.count(1), {}, 60.0
    return made


def asking(monkeypatch: pytest.MonkeyPatch, *frames: tuple[int, Any]) -> None:
    """Let each call get these frames."""
    queue: SimpleQueue[tuple[int, bytes]] = SimpleQueue()
    for kind, value in frames:
        queue.put((kind, to_bytes(value)))
    monkeypatch.setattr(jvm, "SimpleQueue", lambda: queue)


def error_frame(trace: str) -> tuple[int, Any]:
    """Return the frame of an exception in Java."""
    fields = {
        "refused": False,
        "missing": "",
        "type": "java.lang.IllegalStateException",
        "message": "no",
        "trace": trace,
    }
    return jvm._ERROR, fields


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
    def answers(_name: str, _arguments: list[Any], _ends_s: float) -> Any:
        raise ValueError("half \ud800 of it")

    failed = channel(process)._answer(7, ["resource", []], answers, "the tool x", time.monotonic() + 5)
    assert isinstance(failed, ValueError)
    size, kind, number = jvm._HEADER.unpack(os.read(process.read_end, jvm._HEADER.size))
    assert (kind, number) == (jvm._FAILED, 7)
    assert "ValueError: half ? of it" in of_bytes(os.read(process.read_end, size))


def no_resource(name: str, _arguments: list[Any], _ends_s: float) -> None:
    """Refuse to describe a resource."""
    if name == "resource":
        raise ValueError("not declared")


QUESTIONS: list[tuple[int, Any]] = [(jvm._ASK, [name, []]) for name in ("create", "resource", "created")]


@pytest.mark.parametrize(
    ("trace", "cause"),
    [("at shop.Lazy\nCaused by: flinkagents.bridge.PythonException: not declared", ValueError), ("at x", type(None))],
)
def test_a_failed_question_stays_the_cause_while_java_asks_on(
    process: Pipes, monkeypatch: pytest.MonkeyPatch, trace: str, cause: type
) -> None:
    """Unless Java has caught that failure, and failed later by itself."""
    asking(monkeypatch, *QUESTIONS, error_frame(trace))
    with pytest.raises(JavaError) as raised:
        channel(process).call("open", [], "the resource x", no_resource)
    assert raised.value.__cause__ is not None
    assert type(raised.value.__cause__.__cause__) is cause


def test_a_long_answer_after_the_deadline_ends_its_own_call_only(
    process: Pipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A JVM that reads on is not killed for it, since the calls of other keys use it, too."""
    monkeypatch.setattr(jvm, "_STACK_S", 1.0)
    asking(monkeypatch, (jvm._ASK, ["value", []]))
    slow = channel(process)
    slow._call_s = 0.1
    reader = threading.Thread(target=lambda: process.read(seconds=1), daemon=True)

    def answers(_name: str, _arguments: list[Any], _ends_s: float) -> str:
        time.sleep(0.2)
        reader.start()
        return "a" * 1_000_000

    try:
        with pytest.raises(JavaTimeoutError, match=r"the action x did not return within 0\.1 s"):
            slow.call("action", [], "the action x", answers)
    finally:
        reader.join()
    assert not process.killed


def test_the_end_waits_for_a_call_that_is_being_sent(process: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its number would be that of another file. A call that never ends is ended with the JVM."""
    busy = channel(process)
    with busy._lock:
        ending = threading.Thread(target=busy.close)
        ending.start()
        ending.join(0.2)
        assert not process.stdin.closed
    ending.join()
    assert (process.stdin.closed, process.killed) == (True, False)
    monkeypatch.setattr(jvm, "_END_S", 0.1)
    with busy._lock:
        busy.close()
    assert process.killed
    with pytest.raises(JavaPartError, match="the JVM was ended while a call was being sent before the tool x"):
        busy._send(jvm._CALL, 1, b"", "the tool x", time.monotonic() + 5)


def test_a_deadline_may_be_centuries_away(process: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits for a lock, a pipe and a frame have limits of their own."""
    asking(monkeypatch, (jvm._RESULT, "done"))
    patient = channel(process)
    patient._call_s = 1e10
    reader = threading.Timer(0.5, process.read, [0.5])
    reader.start()
    try:
        assert patient.call("tool", ["a" * 200_000], "the tool x") == "done"
    finally:
        reader.join()


def test_a_late_call_says_what_its_answer_waited_for(process: Pipes, monkeypatch: pytest.MonkeyPatch) -> None:
    asking(monkeypatch, (jvm._ASK, ["create", []]))
    monkeypatch.setattr(jvm, "_STACK_S", 0.1)
    late = channel(process)
    late._call_s = 0.2

    def answers(_name: str, _arguments: list[Any], ends_s: float) -> None:
        time.sleep(jvm.left_s(ends_s))
        raise JavaTimeoutError("it waited for another thread")

    with pytest.raises(JavaTimeoutError, match=r"within 0\.2 s, .*java\.call-timeout-ms; it waited for another thread"):
        late.call("open", [], "the resource x", answers)
