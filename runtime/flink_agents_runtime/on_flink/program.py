"""Run a user's Flink program with the bundled engine.

The program runs as with ``python PROGRAM ARGUMENTS``, except that
``AgentsExecutionEnvironment.get_execution_environment(env, t_env)`` returns a
:class:`FlinkEnvironment`; upstream's own would need its jars.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

from flink_agents_runtime.local.patch import patch_environment
from flink_agents_runtime.network import inherited_fields, limit_this_process
from flink_agents_runtime.on_flink.environment import FlinkEnvironment
from flink_agents_runtime.on_flink.gateway import use_gateway_token


def main() -> None:
    """Run the program in the first argument with the remaining arguments."""
    use_gateway_token()
    limit_this_process(inherited_fields())
    program = sys.argv[1]
    sys.argv = sys.argv[1:]
    sys.path[0] = str(Path(program).resolve().parent)
    patch_environment(AgentsExecutionEnvironment, on_flink=FlinkEnvironment)
    runpy.run_path(program, run_name="__main__")
