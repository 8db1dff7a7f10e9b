"""Warm processes of a job environment that answer JSON requests.

Requests and replies are one line each. The other side is :mod:`flink_agents_runtime.channel`. A
reply carries the id of its request.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.ownership.process import GuardedProcess

_CHUNK = 1 << 16
_LOG_LINES = 25


class RefusedError(Exception):
    """The process is healthy and rejected the request.

    The attributes are those that the process sent, all ``str``; ``kind`` is for programs.
    """

    def __init__(self, error: Mapping[str, str]) -> None:
        super().__init__(error.get("message", ""))
        self.kind = error.get("kind", "internal")
        self.message = error.get("message", "")
        self.expected = error.get("expected", "")
        self.seen = error.get("seen", "")
        self.next_step = error.get("next_step", "")
        self.traceback = error.get("traceback", "")


# Own classes instead of TimeoutError and EOFError: a signal handler of the user may raise those in the
# middle of a request, and such an interruption must not be reported as a slow or dead process.
class DeadlineError(Exception):
    """No reply arrived before the deadline."""


class StreamEndedError(Exception):
    """The process closed its end of a stream."""


class ProtocolError(Exception):
    """A line that is no reply, or answers an unknown request."""


class ReplyChannel:
    """Match the replies of one process with the requests sent to it.

    ``send`` writes bytes; ``receive`` takes a deadline on :func:`clock.now_s` and returns at least
    one byte. They raise :class:`StreamEndedError` and :class:`DeadlineError`. Not thread-safe.
    """

    def __init__(self, send: Callable[[bytes], None], receive: Callable[[float], bytes]) -> None:
        self._send = send
        self._receive = receive
        self._unread = bytearray()
        self._last_id = 0

    def greeting(self, deadline: float) -> dict[str, Any]:
        """Read the line that a process sends once, before any request."""
        return self._read_line(deadline)

    def ask(self, request: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """Send a request and return its reply.

        Replies to earlier requests are dropped. A caller that was interrupted while it waited
        leaves its reply in the stream. Without the comparison of ids the next caller would take
        that reply for its own.
        """
        self._last_id += 1
        self._send(json.dumps({"id": self._last_id, **request}).encode() + b"\n")
        while True:
            reply = self._read_line(deadline)
            answered = reply.get("id")
            if answered == self._last_id:
                return reply
            if not isinstance(answered, int) or answered > self._last_id:
                raise ProtocolError(f"a reply to request {answered!r}; the last request was {self._last_id}")

    def _read_line(self, deadline: float) -> dict[str, Any]:
        searched = 0
        while (end := self._unread.find(b"\n", searched)) < 0:
            # A reply may have 100 MiB, which come in small parts: only what is new is searched.
            searched = len(self._unread)
            self._unread += self._receive(deadline)
        line = self._unread[:end]
        del self._unread[: end + 1]
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise ProtocolError(f"a line that is not a JSON object: {bytes(line[:200])!r}")
        return reply


class Responder:
    """A guarded process that answers requests in order; those of several threads take turns.

    A request that ends without its reply, by a timeout or by any exception raised meanwhile (a
    ``KeyboardInterrupt``, pytest-timeout's signal), kills the process: it would go on without a
    caller and delay the next request. :attr:`usable` is then False, and the owner starts another.
    """

    def __init__(self, argv: Sequence[str], *, name: str, log: Path, env: Mapping[str, str], cwd: Path) -> None:
        self.name = name
        self._process = GuardedProcess(argv, name=name, log=log, env=env, cwd=cwd, channel=True)
        self._channel = ReplyChannel(self._send, self._receive)
        self._usable = True
        self._greeting: dict[str, Any] | None = None
        # Two threads at one pipe would each read the reply to the other, and drop it.
        self._turn = threading.Lock()

    @property
    def process(self) -> GuardedProcess:
        """The guarded process itself."""
        return self._process

    @property
    def usable(self) -> bool:
        """True while the process runs and has answered every request."""
        return self._usable and self._process.returncode() is None

    def wait_ready(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the process to finish its imports; return its greeting, which it sends once."""
        if self._greeting is None:
            with self._exchange(f"{self.name} to be ready", timeout_s) as deadline:
                self._greeting = self._channel.greeting(deadline)
        return self._greeting

    def request(self, op: str, *, timeout_s: float, **fields: Any) -> dict[str, Any]:
        """Send a request and return its result.

        Raises :class:`RefusedError` if the process rejects it, :class:`HostError` if the process dies
        or sends nonsense, :class:`WaitTimeoutError` if it is too slow. The time limit begins with the
        turn of this request.
        """
        with self._turn, self._exchange(f"{self.name} to answer {op!r}", timeout_s) as deadline:
            reply = self._channel.ask({"op": op, **fields}, deadline)
        if reply["ok"]:
            return dict(reply["result"])
        raise RefusedError(reply["error"])

    @contextlib.contextmanager
    def _exchange(self, what: str, timeout_s: float) -> Iterator[float]:
        """Yield the deadline of one exchange; kill the process unless the exchange completes."""
        if not self._usable:
            raise self._unusable("has been ended")
        try:
            yield clock.now_s() + timeout_s
        except DeadlineError:
            self.kill()
            raise WaitTimeoutError(
                Problem(
                    "FA401",
                    f"waited {timeout_s:g} s for {what}",
                    where=str(self._process.log),
                    detail=self._process.log_tail(_LOG_LINES),
                )
            ) from None
        except StreamEndedError:
            self._usable = False
            code = self._process.wait_ended(2)
            self._process.kill()
            raise self._unusable(f"has died with exit code {code}") from None
        except ProtocolError as error:
            self.kill()
            raise self._unusable("broke the protocol", seen=str(error)) from error
        except BaseException:
            self.kill()
            raise

    def _send(self, data: bytes) -> None:
        try:
            self._process.stdin.write(data)
            self._process.stdin.flush()
        except OSError as error:
            raise StreamEndedError from error

    def _receive(self, deadline: float) -> bytes:
        descriptor = self._process.stdout.fileno()
        readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - clock.now_s()))
        if not readable:
            raise DeadlineError
        chunk = os.read(descriptor, _CHUNK)
        if not chunk:
            raise StreamEndedError
        return chunk

    def _unusable(self, what: str, *, seen: str = "") -> HostError:
        return HostError(
            Problem(
                "FA409",
                f"{self.name} {what}",
                where=str(self._process.log),
                seen=seen,
                next_step="read the end of its log below",
                detail=self._process.log_tail(_LOG_LINES),
            )
        )

    def kill(self) -> None:
        """Kill the process and everything that it started."""
        self._usable = False
        self._process.kill()
