"""Check the execution mode of a job, for every release of flink-agents."""

from __future__ import annotations

from pyflink.datastream import StreamExecutionEnvironment
from pyflink.util.java_utils import get_j_env_configuration

from flink_agents_runtime.plan.agent_reference import PlanError


def require_streaming(env: StreamExecutionEnvironment) -> None:
    """Raise :class:`PlanError` for BATCH mode, and for AUTOMATIC, which may choose BATCH.

    In BATCH mode upstream's operator silently drops the records of all keys of a subtask but the
    last, and the job still succeeds.
    """
    j_options = get_j_env_configuration(env._j_stream_execution_environment)  # noqa: SLF001  PyFlink has no public accessor
    mode = (j_options.toMap().get("execution.runtime-mode") or "STREAMING").upper()
    if mode != "STREAMING":
        raise PlanError(
            f"agents cannot run in {mode} mode",
            expected="execution.runtime-mode: STREAMING, also for bounded inputs",
            seen=mode,
            next_step="call env.set_runtime_mode(RuntimeExecutionMode.STREAMING) or remove the option",
        )
