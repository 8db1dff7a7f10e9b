"""Upstream's AgentPlan from a class, a YAML agent or a plan file."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.resource import ResourceDescriptor, ResourceType
from flink_agents.api.skills import Skills
from flink_agents.api.yaml.loader import load_yaml
from flink_agents.plan.agent_plan import SKILLS_CONFIG, AgentPlan
from flink_agents.plan.resource_provider import PythonSerializableResourceProvider

from flink_agents_runtime.config.configuration import BY_HAND, Configuration, declared_options
from flink_agents_runtime.config.options import OptionError
from flink_agents_runtime.config.supported import refuse_unsupported
from flink_agents_runtime.plan.agent_reference import PlanError, agent_named, reason_of, unknown_name
from flink_agents_runtime.plan.listeners import CONDITIONS, HAS_CONDITIONS, require_readable, require_supported_parts
from flink_agents_runtime.plan.mcp_servers import described, mcp_servers, without_mcp_servers
from flink_agents_runtime.plan.named_plan import NamedPlan, class_name, named


class Registry(Agent):
    """The environment for upstream's YAML loader, which registers resources and agents on it."""

    def __init__(self) -> None:
        super().__init__()
        self._agents: dict[str, Agent] = {}

    @property
    def agents(self) -> dict[str, Agent]:
        """Return the agents of the loaded files by name."""
        return self._agents


def build_plan(agent_spec: Mapping[str, Any], *, config: Mapping[str, Any]) -> NamedPlan:
    """Return the plan of :func:`plan_for_any_engine` for the bundled engine.

    Raises :class:`PlanError`, also for what only upstream's engine executes.
    """
    plan = plan_for_any_engine(agent_spec, config=config)
    require_executable(plan)
    return plan


def plan_for_any_engine(agent_spec: Mapping[str, Any], *, config: Mapping[str, Any]) -> NamedPlan:
    """Return the plan of ``{"agent": ..., "resources": {...}}``.

    ``agent`` is ``"module:Class"`` (or the name of an Agent instance in that module),
    ``{"yaml": path, "name": name}`` or ``{"plan": path}``. ``resources`` holds the resource sections of
    upstream's YAML API. A resource there replaces the agent's own one of the same type and name, which
    is how a scenario points an agent at its model server; skills are added to the agent's. MCP servers
    are asked for their tools and prompts, except the agent's own ones that ``resources`` replaces.
    ``config`` overrides the options of a plan file. Raises :class:`PlanError`.
    """
    options = configured(config, "the scenario")
    sections = agent_spec.get("resources")
    scenario = _resources(sections) if sections else Registry()
    replaced = mcp_servers(scenario)
    agent = agent_spec.get("agent")
    if isinstance(agent, str):
        plan = plan_of(agent_named(agent), options, name=agent, replaced_mcp_servers=replaced)
    elif isinstance(agent, Mapping) and "yaml" in agent:
        path, name = Path(agent["yaml"]), str(agent.get("name", ""))
        _text(path)
        registry = _loaded(path, str(path))
        agent = _named(registry, name, path)
        plan = plan_of(agent, options, name=name, shared=registry, replaced_mcp_servers=replaced)
    elif isinstance(agent, Mapping) and "plan" in agent:
        plan = load_plan(_text(Path(agent["plan"])), name=str(agent["plan"]))
        plan.config.add(options.conf_data, "the scenario")
    else:
        raise PlanError(
            "the scenario names no agent",
            expected='"module:Class", {yaml: path, name: name} or {plan: path}',
            seen=json.dumps(agent, default=repr),
        )
    if sections:
        _merge(plan, scenario, replace=True)
    return plan


def load_plan(text: str, *, name: str = "") -> NamedPlan:
    """Return a plan from the JSON text of ``plan.model_dump_json()``. Raises :class:`PlanError`.

    ``name`` is the agent's name if the text has none.
    """
    try:
        raw = json.loads(text)
        require_readable(raw)
    except PlanError:
        raise
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlanError(
            "the text is not an agent plan", expected="JSON with 'actions'", seen=f"{type(error).__name__}: {error}"
        ) from error
    try:
        plan: NamedPlan = NamedPlan.model_validate(raw)
    except Exception as error:
        raise PlanError("the plan cannot be loaded", seen=f"{type(error).__name__}: {error}") from error
    plan.config = configured(plan.config.conf_data if plan.config else {}, "the plan")
    plan.resource_providers = plan.resource_providers or {}
    plan.agent_name = plan.agent_name or name
    return plan


def plan_of(
    agent: Agent,
    config: Configuration | Mapping[str, Any],
    *,
    name: str = "",
    shared: Agent | None = None,
    replaced_mcp_servers: Collection[str] = (),
) -> NamedPlan:
    """Return the plan of an agent object, which is not changed. Raises :class:`PlanError`.

    Failures call the agent ``name``, by default ``module:Class``. The agent's own resources override
    those of ``shared``. The plan keeps a given :class:`Configuration` object, so options set later
    still count. MCP servers named in ``replaced_mcp_servers`` are left out.
    """
    name = name or class_name(agent)
    agent = without_mcp_servers(agent, replaced_mcp_servers)
    if shared is not None:
        shared = without_mcp_servers(shared, replaced_mcp_servers)
    plan = _compiled(agent, config if isinstance(config, Configuration) else configured(config, BY_HAND))
    if shared is not None:
        _merge(plan, shared, replace=False)
    return named(plan, name)


def registered_plan(
    agent: Agent | str,
    agents: Mapping[str, Agent],
    resources: Mapping[ResourceType, Mapping[str, Any]],
    config: Configuration,
) -> NamedPlan:
    """Return the plan of an agent with its environment's resources.

    Raises :class:`PlanError`, and ValueError for an unknown name.
    """
    name = ""
    if isinstance(agent, str):
        if agent not in agents:
            raise ValueError(
                f"the environment has no agent {agent!r}; load_yaml registered: {', '.join(sorted(agents)) or 'none'}"
            )
        name, agent = agent, agents[agent]
    shared = Registry()
    shared.resources.update({kind: dict(named) for kind, named in resources.items()})
    return plan_of(agent, config, name=name, shared=shared)


def _merge(plan: AgentPlan, holder: Agent, *, replace: bool) -> None:
    """Add the resources of ``holder`` to the plan.

    With ``replace`` they override the plan's own.
    """
    for resource_type, more in _compiled(holder, plan.config).resource_providers.items():
        own = plan.resource_providers.get(resource_type, {})
        both = {**own, **more} if replace else {**more, **own}
        if resource_type is ResourceType.SKILLS and own:
            # Upstream keeps all skills of an agent in one resource, so they are merged.
            both[SKILLS_CONFIG] = _added_skills(own[SKILLS_CONFIG], more[SKILLS_CONFIG])
        plan.resource_providers[resource_type] = both


def _added_skills(*providers: PythonSerializableResourceProvider) -> PythonSerializableResourceProvider:
    skills = [Skills.model_validate(provider.serialized) for provider in providers]
    sources = list(dict.fromkeys(source for each in skills for source in each.sources))
    return PythonSerializableResourceProvider.from_resource(SKILLS_CONFIG, Skills(sources=sources))


def _compiled(agent: Agent, config: Configuration) -> AgentPlan:
    try:
        return AgentPlan.from_agent(agent, config)
    except Exception as error:
        servers = described(agent) if getattr(error, "exceptions", ()) else ""
        raise PlanError(
            f"upstream cannot create the plan of agent {type(agent).__qualname__}"
            + (" because an MCP server does not answer" if servers else ""),
            expected=f"an answer of each of its MCP servers: {servers}" if servers else "",
            seen=reason_of(error),
            next_step="start it, or replace it by its name under resources, mcp_servers" if servers else "",
        ) from error


def configured(options: Mapping[str, Any], source: str) -> Configuration:
    """Return the options with their ``source``. Raises :class:`PlanError` for an invalid one."""
    try:
        return Configuration(options, source=source)
    except OptionError as error:
        raise _unusable(error) from error


def require_executable(plan: NamedPlan) -> None:
    """Raise :class:`PlanError` for a plan with parts or options that the bundled engine cannot honour."""
    require_supported_parts(plan)
    require_supported(plan.config.conf_data)


def require_supported(options: Mapping[str, Any]) -> None:
    """Raise :class:`PlanError` for an option that the bundled engine cannot honour."""
    try:
        refuse_unsupported(options, declared_options())
    except OptionError as error:
        raise _unusable(error) from error


def _unusable(error: OptionError) -> PlanError:
    return PlanError(
        f"the option {error.key} cannot be used", expected=error.expected, seen=repr(error.seen), nearest=error.nearest
    )


def _resources(sections: Mapping[str, Any]) -> Registry:
    """Return the resources of a scenario.

    Upstream's loader reads files only, and JSON is YAML.
    """
    misplaced = {"agents", "actions"} & set(sections)
    if misplaced:
        raise PlanError(
            "the resources contain other sections", expected="resource sections", seen=", ".join(sorted(misplaced))
        )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        json.dump(dict(sections), file)
        file.flush()
        registry = _loaded(Path(file.name), "the scenario's resources")
    connections = registry.resources[ResourceType.CHAT_MODEL_CONNECTION]
    connections.update({name: _addressed(descriptor) for name, descriptor in connections.items()})
    return registry


def _addressed(descriptor: ResourceDescriptor) -> ResourceDescriptor:
    """Return a descriptor whose Anthropic connection honours a ``base_url``; upstream's ignores it."""
    if descriptor.target_clazz != "AnthropicChatModelConnection" or "base_url" not in descriptor.arguments:
        return descriptor
    clazz = "flink_agents_runtime.plan.anthropic_connection.AddressedAnthropicConnection"
    return ResourceDescriptor(clazz=clazz, arguments=descriptor.arguments)


def _loaded(path: Path, name: str) -> Registry:
    registry = Registry()
    try:
        load_yaml(registry, path)
    except Exception as error:
        raise PlanError(
            f"{name} cannot be read as flink-agents YAML",
            seen=f"{type(error).__name__}: {error}",
            next_step=_other_word(str(error)),
        ) from error
    return registry


def _other_word(error: str) -> str:
    """Return the next step for a file that has the word of another release."""
    if HAS_CONDITIONS:
        return "write trigger_conditions, flink-agents 0.4's word for listen_to of 0.3" if "listen_to" in error else ""
    return "write listen_to, flink-agents 0.3's word for trigger_conditions of 0.4" if CONDITIONS in error else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise PlanError(
            f"cannot read {path}", seen=str(error), next_step="paths are relative to the scenario file"
        ) from error


def _named(registry: Registry, name: str, path: Path) -> Agent:
    if name not in registry.agents:
        raise unknown_name(f"{path} declares no agent {name!r}", name, registry.agents)
    return registry.agents[name]
