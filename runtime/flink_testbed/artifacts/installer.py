"""uv, called under a guard: the environment it sees, and its errors told in words."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import uv

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.process import Completed, clean_environment, run_guarded

_INSTALL_TIMEOUT_S = 1200.0
# The installer's own settings (mirrors, certificates, proxies) are the user's way to reach a registry.
_PASSED_ON = re.compile(r"(UV_|PIP_|SSL_|REQUESTS_|NETRC$|FLINK_AGENTS_|XDG_|MACOSX_)|.*_proxy$", re.IGNORECASE)
_NO_NETWORK = ("Failed to fetch", "error sending request", "dns error", "the network was disabled")


def run_uv(
    arguments: Sequence[str], *, cwd: Path, timeout_s: float = _INSTALL_TIMEOUT_S, **variables: str
) -> Completed:
    """Run one uv command to its end; raises :class:`WaitTimeoutError` past ``timeout_s``."""
    passed = {name: value for name, value in os.environ.items() if _PASSED_ON.match(name)}
    return run_guarded(
        [uv.find_uv_bin(), *arguments],
        env=clean_environment(**(passed | variables)),
        cwd=cwd,
        timeout_s=timeout_s,
    )


def install_error(what: str, output: str) -> HostError:
    """Why an install failed, from uv's output: a registry that cannot be reached, pins that fight, or a failed build."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    tail = "\n".join(lines[-25:])
    if any(word in output for word in _NO_NETWORK):
        package = re.search(r"Failed to fetch:? `?([^`\s]+)|Because (\S+) was not found in the cache", output)
        return HostError(
            Problem(
                "FA414",
                f"no network at first run: cannot install {what}",
                expected="a package registry that answers; later runs need none, what is installed is kept",
                seen=f"no answer for {_package_of(package.group(1) or package.group(2))}" if package else "no answer",
                next_step="connect, name a mirror in UV_DEFAULT_INDEX, or use --flink-job-python=PYTHON",
                detail=_without_addresses(tail),
            )
        )
    conflict = re.search(r"(Because .*?)(?:\n\s*\n|\Z)", output, re.DOTALL)
    if "No solution found" in output and conflict:
        return HostError(
            Problem(
                "FA413",
                f"these pins cannot be installed together: {what}",
                expected="versions that can live in one environment",
                seen=_without_addresses(" ".join(conflict.group(1).split())),
                next_step="loosen one of the pins named above; flink-agents pins its own dependencies exactly",
            )
        )
    return HostError(
        Problem(
            "FA415",
            f"installing {what} failed",
            seen=lines[-1] if lines else "no output",
            next_step="the end of the installer's output follows",
            detail=_without_addresses(tail),
        )
    )


def _package_of(address: str) -> str:
    return address.rstrip("/").rsplit("/", 1)[-1]


def _without_addresses(text: str) -> str:
    """A registry's address may hold a token; the package's name is enough."""
    return re.sub(r"https?://\S+", lambda match: _package_of(match.group(0)), text)
