"""The JVM of one run: a child process that answers calls over its standard input and output.

There is no port that another user could run code through. The JVM ends when its input ends: with
this process, however that dies. One JVM serves all threads of a process; it is started at the first
call, after any fork.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import select
import struct
import subprocess
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any

from flink_agents_runtime.java.errors import (
    JavaError,
    JavaPartError,
    JavaStackTrace,
    JavaTimeoutError,
    missing_class,
)
from flink_agents_runtime.java.wire import of_bytes, request_bytes, to_bytes

_MAIN = "flinkagents.bridge.Bridge"
# It lives for seconds to minutes: begin small, compile quickly, collect garbage in one thread.
_FLAGS = ("-Xms16m", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-Xshare:auto")
# The JVM's own messages must not get between the frames on its standard output.
_LOG = ("-Xlog:disable", "-Xlog:all=warning:stderr", "-XX:+DisplayVMOutputToStderr")
_HEADER = struct.Struct(">iBq")
_AFTER_SIZE = 9
# As in Bridge.java.
_MAX_FRAME = 1 << 30
# The kinds of frames, as in Bridge.java.
_CALL, _CANCEL, _ANSWER, _FAILED = b"CKAF"
_READY, _RESULT, _ERROR, _ASK, _STACK = b"IREQS"
# No frames: the JVM has ended, and none came in time.
_GONE, _LATE = 0, 1
# Operations that run the user's code. The others load classes, which a short deadline is not about.
_OF_THE_USER = frozenset({"tool", "action", "open", "method"})
# What Java throws if a question fails.
_OF_PYTHON = "flinkagents.bridge.PythonException"
_START_S = 30.0
_STACK_S = 2.0
_END_S = 5.0
# The system counts the milliseconds of one wait for a pipe in 31 bits.
_POLL_S = 3600.0
# Answer a question with arguments; the third is the end of the call, by the monotonic clock.
Answers = Callable[[str, list[Any], float], Any]
_Frames = SimpleQueue[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class JavaSetup:
    """The ``java`` executable, the class path with the bridge's own jar, and the deadline of a call."""

    java: str
    class_path: tuple[str, ...]
    call_s: float


class Jvm:
    """A running JVM. Thread-safe."""

    def __init__(self, setup: JavaSetup) -> None:
        self._call_s = setup.call_s
        self._numbers = itertools.count(1)
        self._waiting: dict[int, _Frames] = {}
        self._lock = threading.Lock()
        self._ended_because = ""
        self._process = subprocess.Popen(
            [setup.java, *_FLAGS, *_LOG, "-cp", os.pathsep.join(setup.class_path), _MAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        # A JVM that reads nothing must not hold up its caller beyond the deadline.
        os.set_blocking(self._process.stdin.fileno(), False)
        ready: _Frames = SimpleQueue()
        self._waiting[0] = ready
        threading.Thread(target=self._read, name="java-replies", daemon=True).start()
        kind, content = _next(ready, time.monotonic() + _START_S)
        if kind != _READY:
            self.close()
            raise JavaPartError(f"the JVM did not start: {self._how_it_ended()}; its output is in the log")
        del self._waiting[0]
        self.version = str(of_bytes(content))

    @property
    def pid(self) -> int:
        """The process id of the JVM."""
        return self._process.pid

    def call(self, operation: str, arguments: Sequence[Any], what: str, answers: Answers | None = None) -> Any:
        """Return the result of one operation; ``what`` is its subject in messages.

        Java's questions meanwhile are answered by ``answers`` on this thread. Raises
        :class:`JavaError` for an exception of the user's code, :class:`JavaPartError` for a part or value
        that does not fit, and :class:`JavaTimeoutError`.
        """
        number = next(self._numbers)
        frames: _Frames = SimpleQueue()
        self._waiting[number] = frames
        ends_s = time.monotonic() + (self._call_s if operation in _OF_THE_USER else max(self._call_s, _START_S))
        failed: BaseException | None = None
        try:
            self._send(_CALL, number, _limited(request_bytes(operation, arguments), what), what, ends_s)
            while True:
                kind, content = _next(frames, ends_s)
                if kind == _LATE:
                    raise self._late(number, frames, what, failed)
                if kind == _ASK:
                    # Java asks on while it handles a failure.
                    failed = self._answer(number, of_bytes(content), answers, what, ends_s) or failed
                elif kind == _RESULT:
                    return of_bytes(content)
                elif kind == _ERROR:
                    raise _error(of_bytes(content), what, failed)
                else:
                    raise JavaPartError(f"the JVM {self._how_it_ended()} during {what}; its output is in the log")
        finally:
            del self._waiting[number]

    def close(self) -> None:
        """End the JVM."""
        stdin = self._process.stdin
        assert stdin is not None
        # Whoever writes meanwhile knows the pipe by its number, which the next file of this process would get.
        if self._lock.acquire(timeout=_END_S):
            try:
                with contextlib.suppress(BrokenPipeError):
                    stdin.close()
            finally:
                self._lock.release()
        else:
            self._end("was ended while a call was being sent")
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _send(self, kind: int, number: int, content: bytes, what: str, ends_s: float) -> None:
        """Write a frame until ``ends_s``; a JVM that does not read it to its end cannot be used again and is killed."""
        stdin = self._process.stdin
        assert stdin is not None
        frame = _HEADER.pack(len(content) + _AFTER_SIZE, kind, number) + content
        if not self._lock.acquire(timeout=left_s(ends_s)):
            raise JavaTimeoutError(f"{what} could not be sent before its deadline: another call is being sent")
        try:
            in_time = _written(stdin.fileno(), frame, ends_s)
        except (OSError, ValueError):
            raise JavaPartError(f"the JVM {self._how_it_ended()} before {what}; its output is in the log") from None
        finally:
            self._lock.release()
        if not in_time:
            self._end("did not read what was sent to it")
            raise JavaTimeoutError(f"{what} could not be sent before its deadline: the JVM does not read")

    def _end(self, reason: str) -> None:
        """Kill a JVM whose channel cannot be used any more."""
        self._ended_because = self._ended_because or reason
        self._process.kill()

    def _answer(
        self, number: int, question: list[Any], answers: Answers | None, what: str, ends_s: float
    ) -> BaseException | None:
        """Answer a question of Java; return the exception that Java got instead, None if there is none."""
        failed: BaseException | None = None
        try:
            assert answers is not None
            name, arguments = question
            kind, content = _ANSWER, _limited(to_bytes(answers(name, arguments, ends_s)), f"the answer to {name}")
        except Exception as error:
            text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
            # Half of a surrogate pair has no form in Java.
            kind, content, failed = _FAILED, to_bytes(text.encode(errors="replace").decode()), error
        # It took until after the deadline, maybe: that is not the fault of the JVM, which other calls use, too.
        self._send(kind, number, content, what, max(ends_s, time.monotonic() + _STACK_S))
        return failed

    def _late(self, number: int, frames: _Frames, what: str, failed: BaseException | None) -> JavaTimeoutError:
        """Interrupt a call that missed its deadline, and return the error with the stack of its thread."""
        stack, kind, ends_s = "", _CANCEL, time.monotonic() + _STACK_S
        with contextlib.suppress(JavaPartError, JavaTimeoutError):
            self._send(_CANCEL, number, b"", what, ends_s)
        while kind not in (_STACK, _LATE, _GONE):
            kind, content = _next(frames, ends_s)
            stack = of_bytes(content) if kind == _STACK else ""
        reason = f"; {failed}" if isinstance(failed, JavaTimeoutError) else ""
        error = JavaTimeoutError(
            f"{what} did not return within {self._call_s:g} s, the deadline of the option java.call-timeout-ms{reason}"
        )
        error.__cause__ = JavaStackTrace(f"its thread was here:\n{stack}" if stack else "its thread has no stack")
        return error

    def _how_it_ended(self) -> str:
        try:
            code = self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            return f"did not answer within {_START_S:g} s"
        if self._ended_because:
            return self._ended_because
        return f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _read(self) -> None:
        """Pass each frame on to its call, until the JVM's output ends."""
        stdout = self._process.stdout
        assert stdout is not None
        try:
            while len(header := stdout.read(_HEADER.size)) == _HEADER.size:
                size, kind, number = _HEADER.unpack(header)
                if not _AFTER_SIZE <= size <= _MAX_FRAME:
                    self._end(f"sent a frame of {size} bytes, which is none")
                    break
                content = stdout.read(size - _AFTER_SIZE)
                # Half of an answer is none.
                if len(content) < size - _AFTER_SIZE:
                    break
                frames = self._waiting.get(number)
                if frames is not None:
                    frames.put((kind, content))
        finally:
            for frames in tuple(self._waiting.values()):
                frames.put((_GONE, b""))


def left_s(ends_s: float) -> float:
    """Return the seconds until a moment of the monotonic clock, at most those that a lock can wait."""
    return min(max(0.0, ends_s - time.monotonic()), threading.TIMEOUT_MAX)


def _limited(content: bytes, what: str) -> bytes:
    """Return the content of a frame. Raises :class:`JavaPartError` for one that Java refuses."""
    if len(content) > _MAX_FRAME - _AFTER_SIZE:
        raise JavaPartError(f"{what} has {len(content)} bytes for Java; the limit is {_MAX_FRAME - _AFTER_SIZE}")
    return content


def _written(file: int, frame: bytes, ends_s: float) -> bool:
    """Write a frame to a pipe that does not block; return whether all of it was taken in time."""
    left = memoryview(frame)
    ready = select.poll()
    ready.register(file, select.POLLOUT)
    while left:
        # A pipe takes a part of what is left, or blocks.
        with contextlib.suppress(BlockingIOError):
            left = left[os.write(file, left) :]
            continue
        wait_s = left_s(ends_s)
        if not wait_s:
            return False
        ready.poll(min(wait_s, _POLL_S) * 1000)
    return True


def _next(frames: _Frames, ends_s: float) -> tuple[int, bytes]:
    """Return the next frame of a call, of the kind ``_LATE`` if none comes in time."""
    try:
        return frames.get(timeout=left_s(ends_s))
    except Empty:
        return _LATE, b""


def _error(fields: Mapping[str, Any], what: str, failed: BaseException | None) -> Exception:
    """Return the exception of a failed call, with Java's stack trace as its cause."""
    if fields["missing"]:
        error: Exception = missing_class(fields["missing"], what)
    elif fields["refused"]:
        error = JavaPartError(f"{what}: {fields['message']}")
    else:
        error = JavaError(fields["type"], fields["message"])
    stack = JavaStackTrace(f"in Java:\n{fields['trace'].rstrip()}")
    # Java may have caught the failure of its question, and failed later by itself.
    stack.__cause__ = failed if _OF_PYTHON in fields["trace"] else None
    error.__cause__ = stack
    return error
