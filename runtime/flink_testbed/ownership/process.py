"""The one way to start a process: under a guard, with its log in a file, ended as a whole tree."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil
from typing_extensions import Self

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError

_GUARD = Path(__file__).with_name("process_guard.py")
_KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "USER", "LD_LIBRARY_PATH")
# Chroma and Mem0, which flink-agents brings, tell their makers about each use unless they are told not to.
_CALLS_HOME_NOT = {"ANONYMIZED_TELEMETRY": "False", "MEM0_TELEMETRY": "False"}


# What this process has started and not killed yet, by the guard's process id.
_started: dict[int, GuardedProcess] = {}


def living() -> list[GuardedProcess]:
    """What this process has started that runs now, oldest first."""
    return [process for process in list(_started.values()) if process.returncode() is None]


def clean_environment(**extra: str) -> dict[str, str]:
    """A small environment for a child: what a program needs to run, none of the caller's secrets, plus ``extra``.

    Libraries that call their makers are told not to.
    """
    return {name: os.environ[name] for name in _KEPT_ENVIRONMENT if name in os.environ} | _CALLS_HOME_NOT | extra


class GuardedProcess:
    """A running command whose whole tree ends with us.

    ``log`` receives standard error, and standard output too unless ``channel`` is True: then :attr:`stdin` and
    :attr:`stdout` are binary pipes. ``name`` is what messages call it.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        name: str,
        log: Path,
        env: Mapping[str, str],
        cwd: Path,
        channel: bool = False,
    ) -> None:
        self.name = name
        self.log = log
        self.argv = tuple(argv)
        owner_read, self._owner_write = os.pipe()
        try:
            with log.open("ab") as log_file:
                self._popen = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(_GUARD), str(owner_read), *argv],
                    stdin=subprocess.PIPE if channel else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if channel else log_file,
                    stderr=log_file,
                    env=dict(env),
                    cwd=cwd,
                    pass_fds=(owner_read,),
                    # Ctrl-C in the terminal is for pytest alone; it ends us in order.
                    start_new_session=True,
                )
        except OSError as error:
            os.close(self._owner_write)
            raise HostError(
                Problem(
                    "FA402",
                    f"cannot start {name}",
                    where=argv[0],
                    seen=str(error),
                    next_step="check the path and its permissions",
                )
            ) from error
        finally:
            os.close(owner_read)
        _started[self._popen.pid] = self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe to the command; only with ``channel=True``."""
        assert self._popen.stdin is not None
        return self._popen.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe from the command; only with ``channel=True``."""
        assert self._popen.stdout is not None
        return self._popen.stdout

    @property
    def guard_pid(self) -> int:
        """The process id of the guard, the root of the tree."""
        return self._popen.pid

    def tree(self) -> list[psutil.Process]:
        """The guard and everything below it that is alive."""
        with contextlib.suppress(psutil.NoSuchProcess):
            guard = psutil.Process(self._popen.pid)
            return [guard, *guard.children(recursive=True)]
        return []

    def command_pid(self) -> int | None:
        """The process id of the command itself, None once it has ended."""
        return next((process.pid for process in self.tree()[1:]), None)

    def resident_bytes(self) -> int:
        """The resident memory of the tree, the guard included."""
        total = 0
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def returncode(self) -> int | None:
        """The command's exit code, None while it runs."""
        return self._popen.poll()

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of its log."""
        return tail(self.log, lines)

    def cap_log(self, limit_bytes: int = 32 * 1024 * 1024) -> None:
        """Keep only the end of a log that has grown past the limit. The process goes on appending to the same file."""
        if self.log.stat().st_size > limit_bytes:
            end = tail(self.log, 1000)
            with self.log.open("r+b") as file:
                file.truncate(0)
            with self.log.open("ab") as file:
                file.write(f"[cut: the log had passed {limit_bytes} bytes]\n{end}\n".encode())

    def wait_ended(self, timeout_s: float) -> int | None:
        """The exit code, waited for up to ``timeout_s`` seconds; None if it still runs then."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(timeout_s)
        return None

    def pause(self) -> None:
        """Stop the command and everything below it (SIGSTOP), the guard not: it must see its owner end."""
        self._signal_below_guard(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self._signal_below_guard(signal.SIGCONT)

    def _signal_below_guard(self, number: signal.Signals) -> None:
        for process in self.tree()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def hand_over(self) -> int:
        """Our end of the guard's pipe, for another process to hold: the command lives as long as that. It is ours no more."""
        pipe, self._owner_write = self._owner_write, -1
        os.write(pipe, b"k")
        _started.pop(self._popen.pid, None)
        self._popen.returncode = 0  # not ours to wait for
        return pipe

    def stop(self, grace_s: float) -> None:
        """Ask it to end (SIGTERM), wait up to ``grace_s`` seconds, then kill what is left."""
        if self._popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._popen.send_signal(signal.SIGTERM)
            self.wait_ended(grace_s)
        self.kill()

    def kill(self) -> None:
        """End the whole tree at once, and see it gone. Closing the pipe is what tells the guard."""
        if self._owner_write >= 0:
            os.close(self._owner_write)
            self._owner_write = -1
        try:
            self._popen.wait(10)
        except subprocess.TimeoutExpired:  # a guard that hangs: do its work from here
            for process in reversed(self.tree()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._popen.wait(10)
        _started.pop(self._popen.pid, None)
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def tail(path: Path, lines: int = 40) -> str:
    """The last lines of a text file, at most 64 KiB of it; empty where there is none."""
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 65536))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""


@dataclass(frozen=True, slots=True)
class Completed:
    """A command that ended: its exit code, and the last 2,000 lines of output and errors merged."""

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
    """Run a command to its end under a guard. Raises :class:`WaitTimeoutError` past ``timeout_s``, the tree killed."""
    kept: deque[str] = deque(maxlen=2000)
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
                    kept.append(line)
                    if on_line:
                        on_line(line)
                continue
            returncode = process.returncode()
            if chunk == b"" and returncode is not None:
                kept.extend([rest.decode("utf-8", "replace")] if rest else [])
                return Completed(returncode, "\n".join(kept))
            if clock.now_s() >= deadline:
                raise WaitTimeoutError(
                    Problem(
                        "FA401",
                        f"waited {timeout_s:g} s for {name} to end",
                        seen=kept[-1] if kept else "no output",
                        next_step="run it by hand to see what it waits for: " + " ".join(argv),
                        detail="\n".join(list(kept)[-20:]),
                    )
                )
            clock.pause(0.02)
