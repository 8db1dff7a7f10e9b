"""Upstream's plan with the agent's name, which upstream added in flink-agents 0.4."""

from __future__ import annotations

from flink_agents.api.agents.agent import Agent
from flink_agents.plan.agent_plan import AgentPlan


class NamedPlan(AgentPlan):
    """An AgentPlan of 0.3 with 0.4's ``agent_name``, which failures report.

    Empty if unknown.
    """

    agent_name: str = ""


def named(plan: AgentPlan, name: str) -> NamedPlan:
    """Return the plan with a name; its fields stay the same objects."""
    copy: NamedPlan = NamedPlan.model_construct(**{**dict(plan), "agent_name": name})
    return copy


def class_name(agent: Agent) -> str:
    """Return ``module:Class`` of an agent object."""
    return f"{type(agent).__module__}:{type(agent).__qualname__}"
