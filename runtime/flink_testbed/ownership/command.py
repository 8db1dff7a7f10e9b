"""Run a command under a guard to its end."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.core import clock
from flink_testbed.core.problem import Problem, WaitTimeoutError
from flink_testbed.ownership.process import GuardedProcess

_OUTPUT_LINES = 2000


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended: its exit code and the end of its output.

    ``output`` is standard output and standard error merged, at most 2,000 lines.
    """

    returncode: int
    output: str


def run_guarded(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path,
    timeout_s: float,
    on_line: Callable[[str], None] | None = None,
) -> Completed:
    """Run a command to its end.

    ``on_line`` gets each line of output as it comes. After ``timeout_s`` seconds the tree is killed
    and :class:`WaitTimeoutError` raised.
    """
    printed: deque[str] = deque(maxlen=_OUTPUT_LINES)
    name = Path(argv[0]).name
    shell = ["/bin/sh", "-c", 'exec "$@" 2>&1', "sh", *argv]
    with GuardedProcess(shell, name=name, log=Path(os.devnull), env=env, cwd=cwd, channel=True) as process:
        deadline = clock.now_s() + timeout_s
        os.set_blocking(process.stdout.fileno(), False)
        rest = b""
        while True:
            chunk = process.stdout.read()
            if chunk:
                *whole, rest = (rest + chunk).split(b"\n")
                for raw in whole:
                    line = raw.decode("utf-8", "replace")
                    printed.append(line)
                    if on_line:
                        on_line(line)
                continue
            returncode = process.returncode()
            if chunk == b"" and returncode is not None:
                printed.extend([rest.decode("utf-8", "replace")] if rest else [])
                return Completed(returncode, "\n".join(printed))
            if clock.now_s() >= deadline:
                raise WaitTimeoutError(
                    Problem(
                        "FA401",
                        f"waited {timeout_s:g} s for {name} to end",
                        seen=printed[-1] if printed else "no output",
                        next_step="run it by hand to see what it is waiting for: " + " ".join(argv),
                        detail="\n".join(list(printed)[-20:]),
                    )
                )
            clock.pause(0.02)
