"""The commit of a project, and whether its files differ from it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.core.problem import ProblemError
from flink_testbed.ownership.command import run_guarded
from flink_testbed.ownership.process import clean_environment

_COMMAND = ("git", "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", ".")
_TIMEOUT_S = 10.0
_OID = "# branch.oid "


@dataclass(frozen=True, slots=True)
class GitState:
    """The commit, and whether files of the project differ from it; ``reason`` says why they are not known."""

    commit: str = ""
    dirty: bool | None = None
    reason: str = ""


def git_state(root: Path) -> GitState:
    """Return the state of the project at ``root``."""
    try:
        # Git must not wait for a lock, nor write one: another command of the user may run.
        done = run_guarded(_COMMAND, env=clean_environment(GIT_OPTIONAL_LOCKS="0"), cwd=root, timeout_s=_TIMEOUT_S)
    except ProblemError as error:
        return GitState(reason=error.problems[0].message)
    lines = done.output.splitlines()
    if done.returncode != 0:
        return GitState(reason=lines[0] if lines else f"git ended with exit code {done.returncode}")
    commit = next((line.removeprefix(_OID) for line in lines if line.startswith(_OID)), "")
    return GitState(commit, any(not line.startswith("#") for line in lines))


class GitReader:
    """The state of a project, read while a session ends its processes: git takes up to a second in large projects."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._state = GitState(reason="git did not answer")
        self._thread = threading.Thread(target=self._read, name="git status", daemon=True)
        self._thread.start()

    def _read(self) -> None:
        self._state = git_state(self._root)

    def state(self) -> GitState:
        """Return the state, after git has ended."""
        self._thread.join(_TIMEOUT_S)
        return self._state
