"""Run agents and scripts without Flink, in a warm process.

Started as ``python -m flink_agents_runtime.local.worker``; speaks the protocol of
:mod:`flink_agents_runtime.channel`. Operations:

    {"op": "run", "agent_spec": {...}, "config": {...}, "inputs": [{"key", "value"}], "seed": null, "event_log": null,
     "network": null, "deadline_s": 60}    or, instead of "inputs", "inputs_file": a file of JSON lines;
     with inputs that wait for outputs, "held": {"inputs": [numbers], "outputs": "pipe", "replies": "pipe"};
     for a later version of the agent, "stop_after": 5 outputs, which returns "handover": {"states": {key: base64},
     "first": 7}, or null; the later version gets it as "handover", and the inputs from the first one on
    {"op": "replay", "agent_spec": {...}, "config": {...}, "inputs": [...], "with_store": true, "max_points": 1000, "seed": 0,
     "network": null, "run_s": 60, "deadline_s": 600}
    {"op": "script", "path": "a.py", "arguments": [], "seed": null, "events": "directory", "stdout": "file", "deadline_s": 60}

Heavy imports happen in :func:`hello`, after the channel has taken over standard input and output:
an import may print. Each request runs in a child process, see :mod:`flink_agents_runtime.local.isolation`.
"""

from __future__ import annotations

import gc
import json
import logging
import os
import platform
import sys
from base64 import b64decode, b64encode
from dataclasses import fields
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from flink_agents_runtime.channel import RequestError, serve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flink_agents_runtime.local.activity import Step
    from flink_agents_runtime.local.held_inputs import HeldInputs
    from flink_agents_runtime.local.host import LocalResult
    from flink_agents_runtime.local.isolation import ChildDiedError
    from flink_agents_runtime.local.loop import Handover
    from flink_agents_runtime.plan.named_plan import NamedPlan

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

    result, output = run_in_child(_run, request, margin_s=_RUN_MARGIN_S)
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

    result, output = run_in_child(_replay, request, margin_s=_RUN_MARGIN_S)
    if isinstance(result, ChildDiedError):
        raise RequestError("replay", f"the process of the replays {result}", seen=_tail(output))
    return result | {"output": output}


def plan(request: dict[str, Any]) -> dict[str, Any]:
    """Create the plan of an agent in a child process; return its JSON text."""
    from flink_agents_runtime.local.isolation import ChildDiedError, run_in_child

    result, output = run_in_child(_plan_text, request, margin_s=_RUN_MARGIN_S)
    if isinstance(result, ChildDiedError):
        raise RequestError("plan", f"the process that creates the plan {result}", seen=_tail(output))
    return result


def script(request: dict[str, Any]) -> dict[str, Any]:
    """Run a script in a child process; return its outputs as JSON."""
    from flink_agents_runtime.local.isolation import ChildDiedError, run_in_child

    result, output = run_in_child(_script, request, margin_s=_SCRIPT_MARGIN_S)
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


def _run(request: dict[str, Any]) -> dict[str, Any]:
    """Build the plan, run it, and return the result as JSON."""
    from flink_agents_runtime.config.configuration import explained
    from flink_agents_runtime.local.debugger import use_terminal
    from flink_agents_runtime.local.host import LocalHost
    from flink_agents_runtime.plan.as_json import written

    use_terminal()
    plan = _plan(request)
    host = LocalHost(plan, seed=request.get("seed"), event_log=request.get("event_log"))
    # Progress goes to the log: standard output is the channel.
    report = logging.getLogger(__name__).info
    result = host.run(
        _inputs(request),
        deadline_s=request.get("deadline_s"),
        progress=report,
        held=_held(request),
        handover=_handover(request),
        stop_after=request.get("stop_after"),
    )
    memory = [{"key": key, "values": dict(values)} for key, values in result.memory] if request.get("memory") else None
    return _as_json(result) | {"config": explained(plan.config), "memory": memory, "plan_text": written(plan)}


def _prepare(request: dict[str, Any]) -> None:
    """Give this process the variables and the limit of a request, before the agent's modules are imported."""
    from flink_agents_runtime.network import limit_this_process

    os.environ.update(request.get("environment") or {})
    limit_this_process(request.get("network"))


def _handover(request: dict[str, Any]) -> Handover | None:
    """Return what an earlier version of the agent left, None without one."""
    from flink_agents_runtime.local.loop import Handover

    given = request.get("handover")
    if given is None:
        return None
    return Handover({key: b64decode(state) for key, state in given["states"].items()}, given["first"])


def _plan(request: dict[str, Any]) -> NamedPlan:
    """Build the plan in the process that the request describes, which ends with the request."""
    from flink_agents_runtime.plan.build import build_plan

    _prepare(request)
    return build_plan(request["agent_spec"], config=request.get("config") or {})


def _plan_text(request: dict[str, Any]) -> dict[str, Any]:
    from flink_agents_runtime.plan.as_json import plan_as_json

    _prepare(request)
    text, _ = plan_as_json(request["agent_spec"], config=request.get("config") or {})
    return {"plan": text}


def _replay(request: dict[str, Any]) -> dict[str, Any]:
    from flink_agents_runtime.local.replay import ReplayOptions, replay_inputs

    options = ReplayOptions(**{each.name: request[each.name] for each in fields(ReplayOptions)})
    return replay_inputs(_plan(request), list(_inputs(request)), options)


def _inputs(request: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Return the inputs of a request: those in it, or the JSON lines of its file, read on demand."""
    if "inputs_file" not in request:
        inputs: list[dict[str, Any]] = request["inputs"]
        return inputs
    return _json_lines(Path(request["inputs_file"]))


def _held(request: dict[str, Any]) -> HeldInputs | None:
    """Return the inputs that wait for outputs, None without one."""
    from flink_agents_runtime.local.held_inputs import HeldInputs, ask_through

    held = request.get("held")
    if held is None:
        return None
    numbers = frozenset(held["inputs"])
    records = {number: record for number, record in enumerate(_inputs(request)) if number in numbers}
    return HeldInputs(records, ask_through(Path(held["outputs"]), Path(held["replies"])))


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def _script(request: dict[str, Any]) -> dict[str, Any]:
    from flink_agents_runtime.local.debugger import use_terminal
    from flink_agents_runtime.local.script import run_script

    use_terminal()
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
        "restored": result.restored,
        "handover": _handover_as_json(result.handover),
    }


def _handover_as_json(handover: Handover | None) -> dict[str, Any] | None:
    if handover is None:
        return None
    states = {key: b64encode(state).decode() for key, state in handover.states.items()}
    return {"states": states, "first": handover.first}


if __name__ == "__main__":
    serve({"run": run, "plan": plan, "replay": replay, "script": script}, hello)
