"""The guard: a tiny parent for one process tree, so that everything dies with its owner, even on SIGKILL.

Run as a script by :mod:`flink_testbed.ownership.process`, isolated (``python -I -S``), standard library only, importing
nothing of ours: it must start in a few milliseconds and keep working whatever state the harness is in.

    process_guard.py DESCRIPTOR COMMAND [ARG ...]

The owner holds the other end of the pipe on that descriptor, which the guard moves to 3. When that end closes, or the
guard's parent changes, the owner is gone: every descendant is killed, also those that left the process group
(``setsid``) or were orphaned, because the guard is their subreaper. The guard ends with its command's exit code, after
killing what the command left behind. A SIGTERM to the guard is handed on to the command, so that it can end in its own
time. A byte ``k`` through the pipe says that the pipe's other end goes to somebody else: the parent may change then.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys

OWNER_PIPE = 3
PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.25
LINUX = sys.platform.startswith("linux")


def prctl(option: int, value: int) -> None:
    """Set a process attribute where the system has them; elsewhere only the pipe protects."""
    if LINUX:
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def descendants_of(root: int) -> list[int]:
    """All processes below ``root``, children before their own children."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc") if LINUX else ():
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError), open("/proc/" + name + "/stat", "rb") as stat:
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
    """Kill until nothing is left: a process may fork while we look."""
    while True:
        below = descendants_of(os.getpid()) or [command_pid]
        for pid in below:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
            select.select([], [], [], 0.01)
        except ChildProcessError:
            return


def start(command: list[str]) -> int:
    """Fork and run the command; it dies with the guard itself too."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() == guard:
            os.close(OWNER_PIPE)
            os.execvp(command[0], command)
    except OSError as error:
        sys.stderr.write("cannot start " + command[0] + ": " + str(error) + "\n")
    os._exit(127)


def main(command: list[str]) -> int:
    """Guard the command until it or the owner ends."""
    parent = os.getppid()
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    command_pid = start(command)
    # The command has its own copies; holding them here would keep a reader waiting after the command closed its end.
    for descriptor in (0, 1):
        os.close(descriptor)

    def hand_on(number: int, _frame: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(command_pid, number)

    signal.signal(signal.SIGTERM, hand_on)
    handed_over = False
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        with contextlib.suppress(InterruptedError):
            readable, _, _ = select.select([OWNER_PIPE, wake_read], [], [], POLL_S)
            if wake_read in readable:
                os.read(wake_read, 4096)
            word = os.read(OWNER_PIPE, 1) if OWNER_PIPE in readable else None
            handed_over = handed_over or word == b"k"
            if word == b"" or (os.getppid() != parent and not handed_over):
                kill_descendants(command_pid)
                return 137
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
    """Move the owner's pipe to its place. Not by the shell: some know descriptors of one digit only."""
    if descriptor != OWNER_PIPE:
        os.dup2(descriptor, OWNER_PIPE)
        os.close(descriptor)


if __name__ == "__main__":
    take_pipe(int(sys.argv[1]))
    sys.exit(main(sys.argv[2:]))
