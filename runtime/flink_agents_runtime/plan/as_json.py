"""The plan of an agent as JSON text, whichever release of flink-agents is installed."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_agents_runtime.plan.agent_reference import PlanError, agent_named

if TYPE_CHECKING:
    from flink_agents_runtime.plan.named_plan import NamedPlan


def plan_as_json(agent_spec: Mapping[str, Any], *, config: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Return the plan as upstream's engine reads it, and its explained options.

    The options are empty for a release that has none. Raises :class:`PlanError`.
    """
    if importlib.util.find_spec("flink_agents.api.yaml") is None:
        return _plan_of_0_1(agent_spec, config), []
    from flink_agents_runtime.config.configuration import declared_options, explained
    from flink_agents_runtime.config.supported import with_trace_log
    from flink_agents_runtime.plan.build import plan_for_any_engine

    plan = plan_for_any_engine(agent_spec, config=with_trace_log(config, declared_options()))
    return plan.model_dump_json(serialize_as_any=True, exclude={"agent_name"}), explained(plan.config)


def written(plan: NamedPlan) -> str | None:
    """Return a plan that is executed as JSON text, None if a resource of it cannot be written."""
    try:
        text: str = plan.model_dump_json(serialize_as_any=True)
    except Exception:
        return None
    return text


def through_python(text: str) -> str:
    """Return a plan after the installed AgentPlan has read and written it.

    Raises :class:`PlanError` if it cannot.
    """
    from flink_agents.plan.agent_plan import AgentPlan

    try:
        written: str = AgentPlan.model_validate_json(text).model_dump_json(serialize_as_any=True)
    except Exception as error:
        raise PlanError("Python cannot read the plan", seen=f"{type(error).__name__}: {error}") from error
    return written


def reading_of(reader: str, plan: str, read: Callable[[str], str]) -> dict[str, str]:
    """Return a plan as it was written and as a reader has read it, or the reader's error."""
    try:
        return {"reader": reader, "written": plan, "read": read(plan), "error": ""}
    except PlanError as error:
        return {"reader": reader, "written": plan, "read": "", "error": error.seen or error.message}


def _plan_of_0_1(agent_spec: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """Return a plan of flink-agents 0.1, whose agents declare their resources."""
    agent = agent_spec.get("agent")
    if not agent_spec.get("resources"):
        if isinstance(agent, str):
            return _compiled(agent, config)
        if isinstance(agent, Mapping) and "plan" in agent:
            return _from_file(Path(agent["plan"]), config)
    what = "resources of the scenario" if agent_spec.get("resources") else "agents from YAML"
    raise PlanError(
        f"flink-agents 0.1 does not support {what}",
        expected='an agent "module:Class" that declares its own resources, or a plan file',
        seen=json.dumps(dict(agent_spec), default=repr)[:300],
        next_step="use flink-agents 0.3.1",
    )


def _compiled(agent: str, config: Mapping[str, Any]) -> str:
    from flink_agents.plan.agent_plan import AgentPlan
    from flink_agents.plan.configuration import AgentConfiguration

    try:
        plan = AgentPlan.from_agent(agent_named(agent), AgentConfiguration(dict(config)))
    except PlanError:
        raise
    except Exception as error:
        raise PlanError(
            f"the agent {agent} cannot be compiled into a plan", seen=f"{type(error).__name__}: {error}"
        ) from error
    text: str = plan.model_dump_json(serialize_as_any=True)
    return text


def _from_file(path: Path, config: Mapping[str, Any]) -> str:
    """Return the plan of a file with the scenario's options; Java validates the rest."""
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
        own = (plan.get("config") or {}).get("conf_data") or {}
        plan["config"] = {"conf_data": {**own, **config}}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise PlanError(f"{path} is not an agent plan", seen=f"{type(error).__name__}: {error}") from error
    return json.dumps(plan)
