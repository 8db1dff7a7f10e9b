"""The bundled engine on a source tree of upstream's repository, named by FLINK_AGENTS_SOURCE_TREE.

The project holds none of its code. Seen with commit 8ad3a32b of 2026-08-21, which is 0.4-SNAPSHOT.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from flink_testbed.ownership.process import clean_environment

pytestmark = pytest.mark.slow
_TREE = os.environ.get("FLINK_AGENTS_SOURCE_TREE", "")
_ROOT = Path(__file__).parents[3]


@pytest.mark.skipif(not _TREE, reason="FLINK_AGENTS_SOURCE_TREE names no checkout of flink-agents' repository")
def test_the_parity_agents_load_plan_and_run_on_it() -> None:
    command = [sys.executable, "-m", "pytest", "tests/integration/engines/test_parity.py", "-q"]
    options = ["--flink-version=2.2", "--flink-tier=local", f"--flink-agents={_TREE}"]
    env = clean_environment(FLINK_AGENTS_SKIP_JAR_DOWNLOAD="1")
    done = subprocess.run([*command, *options], cwd=_ROOT, env=env, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-5000:]
    assert re.search(r"^\d\d passed in", done.stdout, re.MULTILINE), done.stdout[-500:]
