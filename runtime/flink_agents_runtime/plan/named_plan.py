"""Upstream's plan, which since flink-agents 0.4 also says whose it is."""

from __future__ import annotations

from flink_agents.api.agents.agent import Agent
from flink_agents.plan.agent_plan import AgentPlan


class NamedPlan(AgentPlan):
    """An AgentPlan of 0.3 with the field of 0.4's that failures are told with; empty where nobody named the agent."""

    agent_name: str = ""


def named(plan: AgentPlan, name: str) -> NamedPlan:
    """The plan with a name; all that it holds stays the same objects."""
    told: NamedPlan = NamedPlan.model_construct(**{**dict(plan), "agent_name": name})
    return told


def class_name(agent: Agent) -> str:
    """What a scenario would call an agent object: ``module:Class``."""
    return f"{type(agent).__module__}:{type(agent).__qualname__}"
