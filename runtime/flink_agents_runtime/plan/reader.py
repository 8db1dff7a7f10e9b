"""Create the plans of agents for the command line.

Started as ``python -m flink_agents_runtime.plan.reader``; speaks the protocol of
:mod:`flink_agents_runtime.channel`. Operation:

    {"op": "plan", "agent_spec": {"agent": "module:Class"}, "config": {...}}  ->  {"plan": JSON text}
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

from flink_agents_runtime.channel import serve


def hello() -> dict[str, Any]:
    """Return the version of flink-agents that creates the plans."""
    return {"flink_agents": metadata.version("flink-agents")}


def plan(request: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of a request as JSON text.

    Raises RequestError of kind "plan" for an agent that cannot be built.
    """
    from flink_agents_runtime.plan.as_json import plan_as_json

    text, _ = plan_as_json(request["agent_spec"], config=request["config"])
    return {"plan": text}


if __name__ == "__main__":
    serve({"plan": plan}, hello)
