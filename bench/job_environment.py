"""Run a module of the benchmark inside a job environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.provision.environment import TestEnvironment

ROOT = Path(__file__).parents[1]


def measured_inside(environment: TestEnvironment, module: str, written: Path) -> Any:
    """Run the module, which writes JSON to ``written``, and return that; end the benchmark if it fails."""
    path = os.pathsep.join((str(ROOT), str(ROOT / "runtime")))
    command = [str(environment.environment.python), "-m", module, str(written)]
    done = subprocess.run(command, env=clean_environment(PYTHONPATH=path), capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return json.loads(written.read_text())
