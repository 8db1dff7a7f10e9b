"""Start processes under a guard, and end them as whole trees.

Every process of the testbed is started here: a process started otherwise outlives a killed session.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO

import psutil
from typing_extensions import Self

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.owner_pipe import OwnerPipe
from flink_testbed.ownership.process_guard import command_line

_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "TZ", "USER", "LD_LIBRARY_PATH")
# Chroma and Mem0, dependencies of flink-agents, report each use to their makers by default.
_NO_TELEMETRY = {"ANONYMIZED_TELEMETRY": "False", "MEM0_TELEMETRY": "False"}
_KILL_S = 10

# The processes that this process has started and not killed yet, by their guard's process id.
_started: dict[int, GuardedProcess] = {}


def living() -> list[GuardedProcess]:
    """Return the running processes that this process has started, oldest first."""
    return [process for process in list(_started.values()) if process.returncode() is None]


def clean_environment(**extra: str) -> dict[str, str]:
    """Return a minimal environment for a child process, plus ``extra``.

    It has the variables that any program needs, none of the caller's secrets, and turns off the
    telemetry of known libraries.
    """
    return {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | _NO_TELEMETRY | extra


class GuardedProcess:
    """A running command whose whole tree ends with this process.

    ``log`` receives standard error, and standard output too unless ``channel`` is True: then
    :attr:`stdin` and :attr:`stdout` are binary pipes. ``name`` is for messages.
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
        self._pipe = OwnerPipe()
        try:
            with log.open("ab") as log_file:
                self._popen = subprocess.Popen(
                    command_line(sys.executable, self._pipe.guard_end, [*argv]),
                    stdin=subprocess.PIPE if channel else subprocess.DEVNULL,
                    stdout=subprocess.PIPE if channel else log_file,
                    stderr=log_file,
                    env=dict(env),
                    cwd=cwd,
                    pass_fds=(self._pipe.guard_end,),
                    # Ctrl-C in the terminal is for pytest alone, which ends its processes in order.
                    start_new_session=True,
                )
        except OSError as error:
            self._pipe.close()
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
            self._pipe.started()
        _started[self._popen.pid] = self

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe to the command, if ``channel`` is True."""
        assert self._popen.stdin is not None
        return self._popen.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe from the command, if ``channel`` is True."""
        assert self._popen.stdout is not None
        return self._popen.stdout

    @property
    def guard_pid(self) -> int:
        """The process id of the guard, the root of the tree."""
        return self._popen.pid

    def tree(self) -> list[psutil.Process]:
        """Return the guard and all living processes below it."""
        with contextlib.suppress(psutil.NoSuchProcess):
            guard = psutil.Process(self._popen.pid)
            return [guard, *guard.children(recursive=True)]
        return []

    def command_pid(self) -> int | None:
        """Return the process id of the command, None once it has ended."""
        return next((process.pid for process in self.tree()[1:]), None)

    def resident_bytes(self) -> int:
        """Return the resident memory of the tree, including the guard."""
        total = 0
        for process in self.tree():
            with contextlib.suppress(psutil.NoSuchProcess):
                total += process.memory_info().rss
        return total

    def returncode(self) -> int | None:
        """Return the command's exit code, None while it runs."""
        return self._popen.poll()

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of the log."""
        return tail(self.log, lines)

    def cap_log(self, limit_bytes: int = 32 * 1024 * 1024) -> None:
        """Cut a log that has grown past the limit down to its end.

        The process has the file open for appending and goes on writing to it.
        """
        if self.log.stat().st_size > limit_bytes:
            end = tail(self.log, 1000)
            with self.log.open("r+b") as file:
                file.truncate(0)
            with self.log.open("ab") as file:
                file.write(f"[cut: the log exceeded {limit_bytes} bytes]\n{end}\n".encode())

    def wait_ended(self, timeout_s: float) -> int | None:
        """Wait for the command's end; return its exit code.

        None if it still runs after ``timeout_s`` seconds.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._popen.wait(timeout_s)
        return None

    def pause(self) -> None:
        """Stop the command and everything below it (SIGSTOP).

        The guard goes on: it must notice the end of its owner.
        """
        self._signal_below_guard(signal.SIGSTOP)

    def resume(self) -> None:
        """Continue after :meth:`pause` (SIGCONT)."""
        self._signal_below_guard(signal.SIGCONT)

    def fill_disk(self) -> None:
        """Let every write to a file fail (RLIMIT_FSIZE), for the command and everything below it.

        The error is "File too large" where a full disk has "No space left on device". Java and Python
        ignore the signal of it. The guard can write, and reading is as before.
        """
        self._limit_files(0)

    def free_disk(self) -> None:
        """Let files be written again after :meth:`fill_disk`, as large as the system allows."""
        self._limit_files(None)

    def _limit_files(self, size: int | None) -> None:
        for process in self.tree()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                # A process that is not privileged may raise its soft limit up to the hard one.
                _, hard = process.rlimit(psutil.RLIMIT_FSIZE)
                process.rlimit(psutil.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def kill_programs(self, fragment: str) -> int:
        """Kill the command's descendants whose command line has ``fragment``; return their number.

        With SIGKILL; the command itself goes on.
        """
        killed = 0
        for process in self.tree()[2:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                if fragment in " ".join(process.cmdline()):
                    process.kill()
                    killed += 1
        return killed

    def _signal_below_guard(self, number: signal.Signals) -> None:
        for process in self.tree()[1:]:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def detach(self) -> int:
        """Give up the process, so that it outlives this one.

        Returns the descriptor that keeps it alive while any process has it open.
        """
        _started.pop(self._popen.pid, None)
        self._popen.returncode = 0  # another process waits for it
        return self._pipe.detach()

    def stop(self, grace_s: float) -> None:
        """Send SIGTERM, wait up to ``grace_s`` seconds, then kill the tree."""
        if self._popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._popen.send_signal(signal.SIGTERM)
            self.wait_ended(grace_s)
        self.kill()

    def kill(self) -> None:
        """Kill the whole tree and wait until it is gone."""
        # The guard kills the tree when the pipe closes.
        self._pipe.close()
        try:
            self._popen.wait(_KILL_S)
        except subprocess.TimeoutExpired:
            # The guard hangs. Children before their parents: a child of a killed parent would leave
            # the tree that this process sees.
            for process in reversed(self.tree()):
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.kill()
            self._popen.wait(_KILL_S)
        _started.pop(self._popen.pid, None)
        for pipe in (self._popen.stdin, self._popen.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()


def tail(path: Path, lines: int = 40) -> str:
    """Return the last lines of a text file.

    At most 64 KiB are read; empty if there is no such file.
    """
    try:
        with path.open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 65536))
            return "\n".join(file.read().decode("utf-8", "replace").splitlines()[-lines:])
    except FileNotFoundError:
        return ""
