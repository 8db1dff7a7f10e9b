"""The option that marks a job as one of a run, beside the parameters that the job's options set."""

from __future__ import annotations

from collections.abc import Mapping

from flink_testbed.flink.options import JOB_PARAMETERS

OWNER_PARAMETER = "flink-agents-test-run"


def owner_options(run_id: str, options: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the Flink option that marks a job of this run.

    The parameters that the job's own ``options`` set stay: as one option with all of them, or as one
    for each.
    """
    own = dict(options or {})
    whole = own.get(JOB_PARAMETERS, "").strip()
    single = [
        f"{key.removeprefix(JOB_PARAMETERS + '.')}:{own[key]}" for key in own if key.startswith(f"{JOB_PARAMETERS}.")
    ]
    mark = f"{OWNER_PARAMETER}:{run_id}"
    if whole.startswith("{"):
        return {JOB_PARAMETERS: f"{whole[:-1].rstrip()}, {OWNER_PARAMETER}: {run_id}}}"}
    return {JOB_PARAMETERS: ",".join([*filter(None, [whole]), *single, mark])}
