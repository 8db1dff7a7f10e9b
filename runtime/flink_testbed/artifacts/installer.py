"""Run uv, and turn its errors into problems with a next step."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import uv

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.command import Completed, run_guarded
from flink_testbed.ownership.process import clean_environment

_INSTALL_TIMEOUT_S = 1200.0
# The user's settings for uv and pip (mirrors, certificates, proxies) decide which registry is used.
_SETTINGS = re.compile(r"(UV_|PIP_|SSL_|REQUESTS_|NETRC$|FLINK_AGENTS_|XDG_|MACOSX_)|.*_proxy$", re.IGNORECASE)
_NO_NETWORK = ("Failed to fetch", "error sending request", "dns error", "the network was disabled")


def run_uv(
    arguments: Sequence[str], *, cwd: Path, timeout_s: float = _INSTALL_TIMEOUT_S, **variables: str
) -> Completed:
    """Run a uv command to its end; raise :class:`WaitTimeoutError` after ``timeout_s``."""
    settings = {name: value for name, value in os.environ.items() if _SETTINGS.match(name)}
    return run_guarded(
        [uv.find_uv_bin(), *arguments],
        env=clean_environment(**(settings | variables)),
        cwd=cwd,
        timeout_s=timeout_s,
    )


def install_error(what: str, output: str) -> HostError:
    """Return the reason for a failed install, read from uv's output.

    FA414 if no registry was reached, FA413 if the requirements conflict, otherwise FA415.
    """
    what = _without_addresses(what)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    tail = "\n".join(lines[-25:])
    if any(word in output for word in _NO_NETWORK):
        package = re.search(r"Failed to fetch:? `?([^`\s]+)|Because (\S+) was not found in the cache", output)
        return HostError(
            Problem(
                "FA414",
                f"no network at first run: cannot install {what}",
                expected="a reachable package registry; later runs need none, as packages are cached",
                seen=f"no answer for {_package_of(package.group(1) or package.group(2))}" if package else "no answer",
                next_step="connect, set UV_DEFAULT_INDEX to a mirror, or use --flink-job-python=PYTHON",
                detail=_without_addresses(tail),
            )
        )
    conflict = re.search(r"(Because .*?)(?:\n\s*\n|\Z)", output, re.DOTALL)
    if "No solution found" in output and conflict:
        return HostError(
            Problem(
                "FA413",
                f"conflicting requirements: {what}",
                expected="versions that can be installed in one environment",
                seen=_without_addresses(" ".join(conflict.group(1).split())),
                next_step="relax one of the versions named above; flink-agents pins its own dependencies exactly",
            )
        )
    return HostError(
        Problem(
            "FA415",
            f"installing {what} failed",
            seen=lines[-1] if lines else "no output",
            next_step="read the end of the installer's output below",
            detail=_without_addresses(tail),
        )
    )


def _package_of(address: str) -> str:
    return address.rstrip("/").rsplit("/", 1)[-1]


def _without_addresses(text: str) -> str:
    """Replace each URL by its last part.

    The address of a registry may contain a token.
    """
    return re.sub(r"https?://\S+", lambda match: _package_of(match.group(0)), text)
