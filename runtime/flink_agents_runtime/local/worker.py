"""Run agents and scripts without Flink, in a warm process.

Started as ``python -m flink_agents_runtime.local.worker``; speaks the protocol of
:mod:`flink_agents_runtime.channel`. Operations:

    {"op": "run", "agent_spec": {...}, "config": {...}, "inputs": [{"key", "value"}], "seed": null, "event_log": null,
     "network": null, "deadline_s": 60}    or, instead of "inputs", "inputs_file": a file of JSON lines;
     with inputs that wait for outputs, "held": {"inputs": [numbers], "outputs": "pipe", "replies": "pipe"};
     for a later version of the agent, "stop": {"outputs": 5, "keeps_states": true}, which returns
     "handover": {"states": {key: base64}, "first": 7}, or null; the later version gets it as "handover",
     and the inputs from the first one on
    {"op": "replay", "agent_spec": {...}, "config": {...}, "inputs": [...], "with_store": true, "max_points": 1000, "seed": 0,
     "network": null, "run_s": 60, "deadline_s": 600}
    {"op": "script", "path": "a.py", "arguments": [], "seed": null, "events": "directory", "stdout": "file", "deadline_s": 60}

Heavy imports happen in :func:`hello`, after the channel has taken over standard input and output:
an import may print. Each request runs in a child process, see :mod:`flink_agents_runtime.local.isolation`.
"""

from __future__ import annotations

import gc
import logging
import os
import platform
import sys
from importlib import metadata
from typing import TYPE_CHECKING, Any, NoReturn

from flink_agents_runtime.channel import RequestError, serve
from flink_agents_runtime.local import child

if TYPE_CHECKING:
    from flink_agents_runtime.local.activity import Step
    from flink_agents_runtime.local.isolation import ChildDiedError

# Beyond the deadline of a request: time for imports, and less than the harness waits.
_RUN_MARGIN_S = 65.0
_SCRIPT_MARGIN_S = 25.0
# A native crash writes the stacks of all threads.
_TAIL_LINES = 80
# The exit code of a shell for a process that SIGKILL ended.
_KILLED = 137


def hello() -> dict[str, Any]:
    """Import the local runtime and return the versions of this environment."""
    # Before upstream's modules configure logging at their import.
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # Everything that a run needs, so that no child has to import it again; and nothing of a user's.
    from flink_agents_runtime import network
    from flink_agents_runtime.local import debugger, isolation, replay, script
    from flink_agents_runtime.local.warm_up import warm_up

    assert network
    assert debugger
    assert replay
    assert isolation
    assert script
    warm_up()
    # Objects that no collection visits stay shared with the children.
    gc.collect()
    gc.freeze()
    return {
        "python": platform.python_version(),
        "flink_agents": metadata.version("flink-agents"),
        "apache_flink": metadata.version("apache-flink"),
        "pid": os.getpid(),
    }


def run(request: dict[str, Any]) -> dict[str, Any]:
    """Run an agent in a child process; return the result as JSON.

    ``output`` is what the child printed and logged, ``log_errors`` are its log records of level ERROR.
    A child that died is the failure of the action that ran.
    """
    from flink_agents_runtime.local.isolation import ChildDiedError, run_in_child

    result, output = run_in_child(child.run_agent, request, margin_s=_RUN_MARGIN_S)
    if not isinstance(result, ChildDiedError):
        return result | {"output": output}
    agent = str(request["agent_spec"].get("agent"))
    step = result.step
    if result.by_system:
        _die_too(f"the process of agent {agent} {_at(result, step)}")
    if step is None:
        raise RequestError(
            "plan",
            f"the process of agent {agent} {result} before its first action",
            seen=_tail(output),
            next_step="look for os._exit, a signal or a native crash in the modules that the agent imports",
        )
    timed_out = {
        "after_s": request["deadline_s"],
        "waiting_on": [{"key": step.key, "action": step.action, "input": None}],
    }
    return {
        "outputs": [],
        "failure": None if result.out_of_time else _death(result, step, output),
        "timed_out": timed_out if result.out_of_time else None,
        "metrics": {},
        "elapsed_s": 0.0,
        "memory": None,
        "config": [],
        "restored": 0,
        "handover": None,
        "output": output,
        "log_errors": [],
    }


def replay(request: dict[str, Any]) -> dict[str, Any]:
    """Replay an agent's inputs from their crash points in child processes; return all runs as JSON.

    Raises RequestError as a run does, and if the process that starts the replays dies.
    """
    from flink_agents_runtime.local.isolation import ChildDiedError, run_in_child

    result, output = run_in_child(child.replay_agent, request, margin_s=_RUN_MARGIN_S)
    if isinstance(result, ChildDiedError):
        raise RequestError("replay", f"the process of the replays {result}", seen=_tail(output))
    return result | {"output": output}


def plan(request: dict[str, Any]) -> dict[str, Any]:
    """Create the plan of an agent in a child process; return its JSON text."""
    from flink_agents_runtime.local.isolation import ChildDiedError, run_in_child

    result, output = run_in_child(child.plan_text, request, margin_s=_RUN_MARGIN_S)
    if isinstance(result, ChildDiedError):
        raise RequestError("plan", f"the process that creates the plan {result}", seen=_tail(output))
    return result


def script(request: dict[str, Any]) -> dict[str, Any]:
    """Run a script in a child process; return its outputs as JSON."""
    from flink_agents_runtime.local.isolation import ChildDiedError, run_in_child

    result, output = run_in_child(child.execute_script, request, margin_s=_SCRIPT_MARGIN_S)
    if not isinstance(result, ChildDiedError):
        return result | {"output": output}
    if result.by_system:
        _die_too(f"the process of script {request['path']} {_at(result, result.step)}")
    failure = _death(result, result.step, output)
    return {"outputs": [], "failure": failure, "output": output, "log_errors": []}


def _death(died: ChildDiedError, step: Step | None, output: str) -> dict[str, Any]:
    """Return the death of a child as the failure of an action."""
    failure = {"type": "ProcessDied", "message": f"the process {_at(died, step)}", "traceback": _tail(output)}
    if step is None:
        return failure
    return failure | {"agent": step.agent, "action": step.action, "key": step.key, "input": None}


def _at(died: ChildDiedError, step: Step | None) -> str:
    return f"{died} while action {step.action!r} of agent {step.agent!r} ran" if step else str(died)


def _die_too(what: str) -> NoReturn:
    """End the worker, because the system killed the agent's process.

    The harness then reports the worker, with this line from the end of its log.
    """
    sys.stderr.write(f"{what}; SIGKILL usually means that the system is out of memory\n")
    sys.stderr.flush()
    os._exit(_KILLED)


def _tail(output: str) -> str:
    return "\n".join(output.splitlines()[-_TAIL_LINES:])


if __name__ == "__main__":
    serve({"run": run, "plan": plan, "replay": replay, "script": script}, hello)
