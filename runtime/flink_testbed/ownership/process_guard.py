"""The parent of one process tree, which kills it after its owner's end.

This works even if the owner is killed by SIGKILL. Run as a script, isolated (``python -I -S``) and
with the standard library only: it must start in a few milliseconds and keep working whatever state
the harness is in.

    process_guard.py DESCRIPTOR COMMAND [ARG ...]

The owner holds the other end of the pipe on DESCRIPTOR. The owner is gone if that end closes or if
the guard's parent changes. Then every descendant is killed, including those that left the process
group (``setsid``) or were orphaned: the guard is their subreaper. The guard ends with the exit code
of its command, after it has killed the processes that the command left behind. SIGTERM is passed on
to the command, so that it can end in its own time. The byte :data:`DETACHED` through the pipe says
that another process will hold the owner's end from now on: the parent may change then.

This module defines the command line and the control byte for all guards; other modules import them
from here, since a script that runs isolated cannot import them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys

PYTHON_FLAGS = ["-I", "-S"]
SCRIPT = "flink_testbed/ownership/process_guard.py"
# The descriptor at which the guard keeps its end of the pipe.
OWNER_PIPE = 3
DETACHED = b"k"
POLL_S = 0.25
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
KILLED = 137
CANNOT_START = 127
LINUX = sys.platform.startswith("linux")


def command_line(python: str, descriptor: int, command: list[str]) -> list[str]:
    """Return the command line of a guard for ``command``."""
    return [python, *PYTHON_FLAGS, __file__, str(descriptor), *command]


def parse(arguments: list[str]) -> tuple[int, list[str]]:
    """Return descriptor and command of a guard, from its arguments after the script."""
    return int(arguments[0]), arguments[1:]


def guarded_command(words: list[str]) -> list[str]:
    """Return the command that a process guards, empty if none.

    By the end of the script's path, since guards of other installations count too.
    """
    if len(words) > 5 and words[1:3] == PYTHON_FLAGS and words[3].endswith(SCRIPT):
        return parse(words[4:])[1]
    return []


class OwnerWatch:
    """The owner of a guard, seen through their pipe."""

    def __init__(self, pipe: int) -> None:
        self.pipe = pipe
        self._parent = os.getppid()
        self._detached = False

    def is_gone(self, readable: bool) -> bool:
        """Return True if the owner has ended.

        ``readable`` is the result of select() for the pipe. The parent is compared as well as the
        pipe: a child that the owner forked while it started the guard holds a copy of the owner's
        end, and keeps it open after the owner has died.
        """
        received = os.read(self.pipe, 1) if readable else None
        self._detached = self._detached or received == DETACHED
        return received == b"" or (os.getppid() != self._parent and not self._detached)


def prctl(option: int, value: int) -> None:
    """Set a process attribute on Linux; elsewhere only the pipe protects."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def descendants_of(root: int) -> list[int]:
    """Return all processes below ``root``, parents before their children."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if LINUX else ():
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError), open("/proc/" + name + "/stat", "rb") as stat:
                # The command's name, in parentheses, may itself hold spaces and parentheses.
                parent = int(stat.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    found = []
    ahead = [root]
    while ahead:
        below = children.get(ahead.pop(), [])
        found.extend(below)
        ahead.extend(below)
    return found


def kill_descendants(command_pid: int) -> None:
    """Kill until no child is left.

    A process may fork between listing and killing.
    """
    while True:
        below = descendants_of(os.getpid()) or [command_pid]
        for pid in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            # Orphans become children of this subreaper; only when wait() has none left is the tree gone.
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
            select.select([], [], [], 0.01)
        except ChildProcessError:
            return


def start(command: list[str]) -> int:
    """Fork and run the command.

    The kernel kills the command if the guard itself is killed.
    """
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # If the guard died before prctl(), the signal will never be sent.
        if os.getppid() == guard:
            os.close(OWNER_PIPE)
            os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write("cannot start " + command[0] + ": " + str(error) + "\n")
    os._exit(CANNOT_START)


def main(command: list[str]) -> int:
    """Guard the command until it or the owner ends; return the exit code."""
    owner = OwnerWatch(OWNER_PIPE)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    # Ctrl-C reaches the whole terminal group; the owner decides what happens then.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command_pid = start(command)
    # The command has its own copies; a copy here would keep a reader waiting after the command
    # has closed its end.
    for descriptor in (0, 1):
        os.close(descriptor)

    def pass_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(command_pid, number)

    signal.signal(signal.SIGTERM, pass_on)
    # SIGCHLD writes to this pipe, so that select() wakes up for the command's end and for the owner's.
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        with contextlib.suppress(InterruptedError):
            readable, _, _ = select.select([owner.pipe, wake_read], [], [], POLL_S)
            if wake_read in readable:
                os.read(wake_read, 4096)
            if owner.is_gone(owner.pipe in readable):
                kill_descendants(command_pid)
                return KILLED
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return 1
            if pid == command_pid:
                kill_descendants(command_pid)
                return os.waitstatus_to_exitcode(status) & 0xFF
            if pid == 0:
                break


def take_pipe(descriptor: int) -> None:
    """Move the owner's pipe to its fixed descriptor.

    The search for leftovers looks for it there.
    """
    if descriptor != OWNER_PIPE:
        os.dup2(descriptor, OWNER_PIPE)
        os.close(descriptor)


if __name__ == "__main__":
    given_descriptor, given_command = parse(sys.argv[1:])
    take_pipe(given_descriptor)
    sys.exit(main(given_command))
