"""Choose the Python interpreter of a job environment."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from flink_testbed.artifacts.installer import run_uv
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import HostError, Problem


def interpreter_for(flink: FlinkRelease, python: str = "") -> tuple[str, str]:
    """Return an interpreter that this Flink supports, and its version.

    The version is the minor one: ``python`` unless that is empty. The running Python is preferred. Raises
    :class:`HostError` FA418 if no supported one is installed.
    """
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    minors = [minor for minor in reversed(flink.line.pythons) if python in ("", minor)]
    if own in minors:
        # Not the venv's python: the environment would break if that venv is removed.
        return getattr(sys, "_base_executable", sys.executable), own
    for minor in minors:
        found = _found_by_uv(minor) or _found_in_pyenv(minor)
        if found:
            return found, minor
    wanted = ", ".join(flink.line.pythons)
    if python:
        seen = (
            f"Flink {flink.version} supports {wanted}" if not minors else f"neither uv nor pyenv has a Python {python}"
        )
        message, next_step = f"there is no Python {python} for a job environment", "name or install one of these"
        raise HostError(Problem("FA418", message, expected=f"one of {wanted}", seen=seen, next_step=next_step))
    raise HostError(
        Problem(
            "FA418",
            f"no installed Python is supported by Flink {flink.version}",
            expected=f"one of {wanted}",
            seen=f"Python {own}",
            next_step=f"install Python {flink.line.pythons[-1]}",
        )
    )


def _found_by_uv(minor: str) -> str | None:
    done = run_uv(["python", "find", "--no-project", "--no-python-downloads", minor], cwd=Path.cwd(), timeout_s=60)
    # The output may contain warnings about other interpreters.
    paths = [line for line in done.output.splitlines() if Path(line).is_file()]
    return paths[-1] if done.returncode == 0 and paths else None


def _found_in_pyenv(minor: str) -> str | None:
    """Return the newest patch release that pyenv has installed.

    uv misses it if pyenv's shim for this version comes first on PATH and another version is chosen.
    """
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = sorted(
        root.glob(f"versions/{minor}.*/bin/python{minor}"),
        key=lambda path: int(re.sub(r"\D", "", path.parts[-3].split(".")[2]) or 0),
    )
    return os.fspath(found[-1]) if found else None
