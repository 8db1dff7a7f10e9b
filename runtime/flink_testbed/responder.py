"""A guarded process that answers requests, one JSON line each: the warm processes inside a job environment."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.ownership.process import GuardedProcess

_CHUNK = 1 << 16


class RefusedError(Exception):
    """The process is well and answers that the request cannot be done. Fields as it sent them, all texts."""

    def __init__(self, error: Mapping[str, str]) -> None:
        super().__init__(error.get("message", ""))
        self.kind = error.get("kind", "internal")
        self.message = error.get("message", "")
        self.expected = error.get("expected", "")
        self.seen = error.get("seen", "")
        self.next_step = error.get("next_step", "")
        self.traceback = error.get("traceback", "")


class Responder:
    """One such process. Not for several threads; after a timeout it is killed, since its answers would come out of step."""

    def __init__(self, argv: Sequence[str], *, name: str, log: Path, env: Mapping[str, str], cwd: Path) -> None:
        self.name = name
        self._process = GuardedProcess(argv, name=name, log=log, env=env, cwd=cwd, channel=True)
        self._unread = b""
        self._requests = 0
        self._usable = True

    @property
    def process(self) -> GuardedProcess:
        """The process itself."""
        return self._process

    @property
    def usable(self) -> bool:
        """Whether another request makes sense."""
        return self._usable and self._process.returncode() is None

    def wait_ready(self, timeout_s: float) -> dict[str, Any]:
        """Its first line, sent when its imports are done."""
        return self._read(clock.now_s() + timeout_s, f"{self.name} to be ready", timeout_s)

    def request(self, op: str, *, timeout_s: float, **fields: Any) -> dict[str, Any]:
        """Ask, and wait for the result. Raises :class:`RefusedError`, or :class:`HostError` if it dies or is too slow."""
        self._requests += 1
        message = {"id": self._requests, "op": op, **fields}
        try:
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            self._usable = False
            raise self._died() from None
        answer = self._read(clock.now_s() + timeout_s, f"{self.name} to answer {op!r}", timeout_s)
        if answer["ok"]:
            return dict(answer["result"])
        raise RefusedError(answer["error"])

    def _read(self, deadline: float, what: str, timeout_s: float) -> dict[str, Any]:
        descriptor = self._process.stdout.fileno()
        while b"\n" not in self._unread:
            readable, _, _ = select.select([descriptor], [], [], max(0.0, deadline - clock.now_s()))
            if not readable:
                self.kill()
                raise WaitTimeoutError(
                    Problem(
                        "FA401",
                        f"waited {timeout_s:g} s for {what}",
                        where=str(self._process.log),
                        detail=self._process.log_tail(25),
                    )
                )
            chunk = os.read(descriptor, _CHUNK)
            if not chunk:
                self._usable = False
                raise self._died()
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\n")
        return dict(json.loads(line))

    def _died(self) -> HostError:
        code = self._process.wait_ended(2)
        self._process.kill()
        return HostError(
            Problem(
                "FA409",
                f"{self.name} has died with exit code {code}",
                where=str(self._process.log),
                next_step="the lines below are the end of its log",
                detail=self._process.log_tail(25),
            )
        )

    def kill(self) -> None:
        """End it at once, with everything it started."""
        self._usable = False
        self._process.kill()
