"""The work of one request, in the child process that the worker starts for it.

The requests and their results are those of :mod:`flink_agents_runtime.local.worker`. It imports this module before it
has taken over standard output, so that heavy imports are inside the functions; the worker has made them when a child
calls one.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_agents_runtime.local.handover import read_handover, read_stop, written_handover

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from flink_agents_runtime.local.held_inputs import HeldInputs
    from flink_agents_runtime.local.host import LocalResult
    from flink_agents_runtime.plan.named_plan import NamedPlan


def run_agent(request: dict[str, Any]) -> dict[str, Any]:
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
        handover=read_handover(request.get("handover")),
        stop=read_stop(request.get("stop")),
    )
    memory = [{"key": key, "values": dict(values)} for key, values in result.memory] if request.get("memory") else None
    return _as_json(result) | {"config": explained(plan.config), "memory": memory, "plan_text": written(plan)}


def _prepare(request: dict[str, Any]) -> None:
    """Give this process the variables and the limit of a request, before the agent's modules are imported."""
    from flink_agents_runtime.network import limit_this_process

    os.environ.update(request.get("environment") or {})
    limit_this_process(request.get("network"))


def _plan(request: dict[str, Any]) -> NamedPlan:
    """Build the plan in the process that the request describes, which ends with the request."""
    from flink_agents_runtime.plan.build import build_plan

    _prepare(request)
    return build_plan(request["agent_spec"], config=request.get("config") or {})


def plan_text(request: dict[str, Any]) -> dict[str, Any]:
    """Build the plan of an agent, and return its JSON text."""
    from flink_agents_runtime.plan.as_json import plan_as_json

    _prepare(request)
    text, _ = plan_as_json(request["agent_spec"], config=request.get("config") or {})
    return {"plan": text}


def replay_agent(request: dict[str, Any]) -> dict[str, Any]:
    """Build the plan, replay it from its crash points, and return all runs as JSON."""
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


def execute_script(request: dict[str, Any]) -> dict[str, Any]:
    """Run a script, and return its outputs as JSON."""
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
        "handover": written_handover(result.handover),
    }
