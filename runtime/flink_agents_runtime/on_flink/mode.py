"""The execution mode that agents need. For every release of flink-agents."""

from __future__ import annotations

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.util.java_utils import get_j_env_configuration

from flink_agents_runtime.plan.agent_reference import PlanError


def require_streaming(env: StreamExecutionEnvironment) -> None:
    """Raise :class:`PlanError` for BATCH mode, and for AUTOMATIC, which may come to it.

    There upstream's operator drops the records of all keys but the last one of a subtask, and the job ends well.
    """
    j_options = get_j_env_configuration(env._j_stream_execution_environment)  # noqa: SLF001  PyFlink has no public way
    mode = (j_options.toMap().get("execution.runtime-mode") or "STREAMING").upper()
    if mode != "STREAMING":
        raise PlanError(
            f"agents do not run in {mode} mode",
            expected="execution.runtime-mode: STREAMING, for bounded inputs too",
            seen=mode,
            next_step="env.set_runtime_mode(RuntimeExecutionMode.STREAMING), or leave the option out",
        )
