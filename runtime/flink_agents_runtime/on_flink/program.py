"""Runs a user's Flink program as ``python PROGRAM ARGUMENTS`` would, its agents environments led to the bundled engine.

``AgentsExecutionEnvironment.get_execution_environment(env, t_env)`` then gives a :class:`FlinkEnvironment`, where
upstream's own would look for its jars. Nothing else of the program changes.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

from flink_agents_runtime.local.patch import patch_environment
from flink_agents_runtime.on_flink.environment import FlinkEnvironment


def main() -> None:
    """Run the program that the first argument names, with the other arguments as its own."""
    program = sys.argv[1]
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(program).resolve().parent)
    patch_environment(AgentsExecutionEnvironment, on_flink=FlinkEnvironment)
    runpy.run_path(program, run_name="__main__")
