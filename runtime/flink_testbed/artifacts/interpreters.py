"""Which Python a job environment is made with."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from flink_testbed.artifacts.installer import run_uv
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import HostError, Problem


def interpreter_for(flink: FlinkRelease) -> tuple[str, str]:
    """An interpreter that this Flink supports, ours first: its program or a version that uv can find, and its minor version."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    if own in flink.line.pythons:
        # The base interpreter: an environment made from a venv's python would die with that venv.
        return getattr(sys, "_base_executable", sys.executable), own
    for minor in reversed(flink.line.pythons):
        found = _found_by_uv(minor) or _found_in_pyenv(minor)
        if found:
            return found, minor
    wanted = ", ".join(flink.line.pythons)
    raise HostError(
        Problem(
            "FA418",
            f"no Python that Flink {flink.version} supports",
            expected=f"one of {wanted}",
            seen=f"Python {own}",
            next_step=f"install Python {flink.line.pythons[-1]}",
        )
    )


def _found_by_uv(minor: str) -> str | None:
    done = run_uv(["python", "find", "--no-project", "--no-python-downloads", minor], cwd=Path.cwd(), timeout_s=60)
    # Its warnings about other interpreters are in the output too.
    paths = [line for line in done.output.splitlines() if Path(line).is_file()]
    return paths[-1] if done.returncode == 0 and paths else None


def _found_in_pyenv(minor: str) -> str | None:
    """Look where pyenv installs: uv stops at a pyenv shim whose version is not the chosen one, though it is installed."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(
        root.glob(f"versions/{minor}.*/bin/python{minor}"),
        key=lambda path: int(re.sub(r"\D", "", path.parts[-3].split(".")[2]) or 0),
    )
    return os.fspath(found[-1]) if found else None
