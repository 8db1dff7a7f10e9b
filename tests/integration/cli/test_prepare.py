"""``flink-agents-gate prepare`` as a program, with the cache that other tests filled and no network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.provision.environment import TestEnvironment

pytestmark = pytest.mark.slow


def test_what_is_cached_needs_no_network(session_environment: TestEnvironment, tmp_path: Path) -> None:
    assert session_environment.java
    # A project may turn warnings into errors, those of pytest about its own start included.
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    done = subprocess.run(
        [str(Path(sys.executable).with_name("flink-agents-gate")), "prepare", "--flink-tier=local"],
        cwd=tmp_path,
        env=clean_environment(UV_OFFLINE="1"),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stderr == ""
    python = session_environment.environment.python
    assert (
        done.stdout == f"Flink {session_environment.release.version}: job environment with no requirements: {python}\n"
    )
