"""MCP servers that an agent declares.

Upstream asks them for their tools and prompts while it creates the plan.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.resource import ResourceDescriptor, ResourceType


def mcp_servers(agent: Agent) -> Mapping[str, ResourceDescriptor]:
    """Return the servers of the agent's class and of the object, by name."""
    declared = {name: _declaration(value)() for name, value in vars(type(agent)).items() if _is_server(value)}
    return {**declared, **agent.resources[ResourceType.MCP_SERVER]}


def without_mcp_servers(agent: Agent, names: Collection[str]) -> Agent:
    """Return a copy of the agent without the MCP servers of these names.

    A scenario replaces such a server; the agent's own one may not exist in a test, so it must not be
    asked for its tools.
    """
    if not set(names) & set(mcp_servers(agent)):
        return agent
    kind = type(agent)
    # A new class, not a subclass: upstream refuses inherited actions.
    body = {
        name: value
        for name, value in vars(kind).items()
        if name not in ("__dict__", "__weakref__") and not (name in names and _is_server(value))
    }
    shadow: Any = type(kind.__name__, kind.__bases__, body)
    other: Agent = object.__new__(shadow)
    resources = {resource_type: dict(known) for resource_type, known in agent.resources.items()}
    for name in names:
        resources[ResourceType.MCP_SERVER].pop(name, None)
    vars(other).update({**vars(agent), "_resources": resources})
    return other


def described(agent: Agent) -> str:
    """Return the agent's MCP servers with their endpoints, or an empty str."""
    servers = mcp_servers(agent).items()
    return ", ".join(f"{name} at {descriptor.arguments.get('endpoint', '?')}" for name, descriptor in servers)


def _is_server(value: Any) -> bool:
    return hasattr(value, "_is_mcp_server")


def _declaration(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod) else value
