"""The warm process of a job environment: runs agents and scripts without Flink.

Started as ``python -m flink_agents_runtime.local.worker``; speaks the protocol of
:mod:`flink_agents_runtime.channel`. Operations:

    {"op": "run", "agent_spec": {...}, "config": {...}, "inputs": [{"key", "value"}], "seed": null, "event_log": null,
     "deadline_s": 60}
    {"op": "script", "path": "a.py", "arguments": [], "seed": null, "events": "directory", "stdout": "file", "deadline_s": 60}

Heavy imports happen in :func:`hello`, after the channel has taken over standard input and output:
an import may print.
"""

from __future__ import annotations

import logging
import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_agents_runtime.channel import serve

if TYPE_CHECKING:
    from flink_agents_runtime.local.host import LocalResult


def hello() -> dict[str, Any]:
    """Import the local runtime and return the versions of this environment."""
    # Before upstream's modules configure logging at their import.
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    from flink_agents_runtime.local import host

    assert host
    return {
        "python": platform.python_version(),
        "flink_agents": metadata.version("flink-agents"),
        "apache_flink": metadata.version("apache-flink"),
        "pid": os.getpid(),
    }


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Build the plan, run it, and return the result as JSON."""
    from flink_agents_runtime.config.configuration import explained
    from flink_agents_runtime.local.host import LocalHost
    from flink_agents_runtime.plan.build import build_plan

    plan = build_plan(request["agent_spec"], config=request.get("config") or {})
    host = LocalHost(plan, seed=request.get("seed"), event_log=request.get("event_log"))
    # Progress goes to the log: standard output is the channel.
    report = logging.getLogger(__name__).info
    result = host.run(request["inputs"], deadline_s=request.get("deadline_s"), progress=report)
    return _as_json(result) | {"config": explained(plan.config)}


def script(request: dict[str, Any]) -> dict[str, Any]:
    """Run a script and return its outputs as JSON; its prints go to the file ``stdout``."""
    from flink_agents_runtime.local.script import run_script

    with Path(request["stdout"]).open("w", encoding="utf-8") as stdout:
        result = run_script(
            Path(request["path"]),
            request["arguments"],
            seed=request.get("seed"),
            deadline_s=request["deadline_s"],
            events=Path(request["events"]),
            stdout=stdout,
        )
    outputs = [{"key": key, "value": value} for key, value in result.outputs]
    return {"outputs": outputs, "failure": result.failure}


def _as_json(result: LocalResult) -> dict[str, Any]:
    failure = result.failure
    timed_out = None
    if result.timed_out_after_s is not None:
        waiting_on = [{"key": at.key, "action": at.action, "input": at.input} for at in result.unfinished]
        timed_out = {"after_s": result.timed_out_after_s, "waiting_on": waiting_on}
    return {
        "outputs": [
            {"input": number, "key": output.key, "value": output.value}
            for number, output in zip(result.numbers, result.outputs, strict=False)
        ],
        "failure": failure.as_json() if failure is not None else None,
        "timed_out": timed_out,
        "metrics": dict(result.metrics),
        "elapsed_s": result.elapsed_s,
    }


if __name__ == "__main__":
    serve({"run": run, "script": script}, hello)
