"""From what a scenario names (a class, a YAML agent, a plan file) to upstream's AgentPlan."""

from __future__ import annotations

import json
import re
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

from flink_agents_runtime.config.configuration import BY_HAND, Configuration
from flink_agents_runtime.config.options import OptionError, refuse_unsupported
from flink_agents_runtime.plan.agent_reference import PlanError, agent_named, reason_of, unknown_name
from flink_agents_runtime.plan.mcp_servers import described, mcp_servers, without_mcp_servers
from flink_agents_runtime.plan.named_plan import NamedPlan, class_name, named

# What upstream takes for an event's type: anything else that an action of 0.4 listens to is a condition.
_EVENT_TYPE = re.compile(r"[A-Za-z_][\w.-]*")


class Registry(Agent):
    """Takes what upstream's YAML loader registers on an environment: shared resources, and agents by name."""

    def __init__(self) -> None:
        super().__init__()
        self._agents: dict[str, Agent] = {}

    @property
    def agents(self) -> dict[str, Agent]:
        """The agents of the files loaded, by name."""
        return self._agents


def build_plan(agent_spec: Mapping[str, Any], *, config: Mapping[str, Any]) -> NamedPlan:
    """The plan of ``{"agent": ..., "resources": {...}}``.

    ``agent`` is ``"module:Class"`` (or the name of an Agent instance in that module), ``{"yaml": path, "name": name}``
    or ``{"plan": path}``. ``resources`` holds the resource sections of upstream's YAML API; a resource there takes the
    place of the agent's own one of the same type and name: so a scenario points an agent at its model server. Skills
    are added up. MCP servers are asked for their tools and prompts while the plan is made, but not those of the agent that
    the resources replace. ``config`` goes over a plan file's own. Raises :class:`PlanError`.
    """
    options = configured(config, "the scenario")
    scenario = _resources(agent_spec.get("resources") or {})
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
    _merge(plan, scenario, replace=True)
    return plan


def load_plan(text: str, *, name: str = "") -> NamedPlan:
    """A plan from its JSON text, as ``plan.model_dump_json()`` writes it. Raises :class:`PlanError`.

    ``name`` is the agent's where the text does not say.
    """
    try:
        raw = json.loads(text)
        actions = raw["actions"]
        later = {
            name: action["trigger_conditions"] for name, action in actions.items() if "trigger_conditions" in action
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlanError(
            "not an agent plan", expected="JSON with 'actions'", seen=f"{type(error).__name__}: {error}"
        ) from error
    if later:
        raise _of_the_next_dialect(later)
    try:
        plan: NamedPlan = NamedPlan.model_validate(raw)
    except Exception as error:
        raise PlanError("the plan does not load", seen=f"{type(error).__name__}: {error}") from error
    plan.config = configured(plan.config.conf_data if plan.config else {}, "the plan")
    plan.resource_providers = plan.resource_providers or {}
    plan.agent_name = plan.agent_name or name
    return plan


def _of_the_next_dialect(conditions: Mapping[str, Any]) -> PlanError:
    """The error for a plan of 0.4, whose actions have ``conditions``; the first that is none of a type is told."""
    told = [(name, each) for name, listed in conditions.items() for each in listed or ()]
    cel = next(((name, each) for name, each in told if not _EVENT_TYPE.fullmatch(str(each))), None)
    name, condition = cel or (told or [(next(iter(conditions)), "none")])[0]
    return PlanError(
        "the plan is written in the dialect of flink-agents 0.4"
        + (", and listens to a condition (CEL), which only the Java operator of 0.4 can evaluate" if cel else ""),
        expected="listen_event_types, as flink-agents 0.3 writes",
        seen=f"trigger_conditions in action {name!r}: {str(condition)[:200]}",
        next_step="listen to event types, and make the plan with flink-agents 0.3.1",
    )


def plan_of(
    agent: Agent,
    config: Configuration | Mapping[str, Any],
    *,
    name: str = "",
    shared: Agent | None = None,
    replaced_mcp_servers: Collection[str] = (),
) -> NamedPlan:
    """The plan of an agent object, which stays as it is. Resources of ``shared`` yield to the agent's own.

    ``name`` is what failures call the agent, by default its class.

    A :class:`Configuration` itself becomes the plan's, so that what is set later still counts. MCP servers of the names
    ``replaced_mcp_servers`` are left out. Raises :class:`PlanError`.
    """
    name = name or class_name(agent)
    agent = without_mcp_servers(agent, replaced_mcp_servers)
    if shared is not None:
        shared = without_mcp_servers(shared, replaced_mcp_servers)
    plan = _compiled(agent, config if isinstance(config, Configuration) else configured(config, BY_HAND))
    if any("trigger_conditions" in vars(action) for action in plan.actions.values()):
        raise PlanError("the installed flink-agents makes plans with trigger_conditions", expected="flink-agents 0.3")
    if shared is not None:
        _merge(plan, shared, replace=False)
    return named(plan, name)


def registered_plan(
    agent: Agent | str,
    agents: Mapping[str, Agent],
    resources: Mapping[ResourceType, Mapping[str, Any]],
    config: Configuration,
) -> NamedPlan:
    """The plan of an agent, or of one of ``agents`` by name, with what is registered on its environment."""
    name = ""
    if isinstance(agent, str):
        if agent not in agents:
            raise ValueError(f"no agent {agent!r} here; loaded: {', '.join(sorted(agents)) or 'none'}")
        name, agent = agent, agents[agent]
    shared = Registry()
    shared.resources.update({kind: dict(named) for kind, named in resources.items()})
    return plan_of(agent, config, name=name, shared=shared)


def _merge(plan: AgentPlan, holder: Agent, *, replace: bool) -> None:
    """Add the resources of ``holder`` to the plan. Where both have one of a type and name, ``replace`` decides."""
    for resource_type, more in _compiled(holder, plan.config).resource_providers.items():
        own = plan.resource_providers.get(resource_type, {})
        both = {**own, **more} if replace else {**more, **own}
        if resource_type is ResourceType.SKILLS and own:
            # All skills of an agent are one resource: they are added up.
            both[SKILLS_CONFIG] = _added_skills(own[SKILLS_CONFIG], more[SKILLS_CONFIG])
        plan.resource_providers[resource_type] = both


def _added_skills(*providers: PythonSerializableResourceProvider) -> PythonSerializableResourceProvider:
    skills = [Skills.model_validate(provider.serialized) for provider in providers]
    sources = list(dict.fromkeys(source for each in skills for source in each.sources))
    return PythonSerializableResourceProvider.from_resource(SKILLS_CONFIG, Skills(sources=sources))


def _compiled(agent: Agent, config: Configuration) -> AgentPlan:
    require_supported(config.conf_data)
    try:
        return AgentPlan.from_agent(agent, config)
    except Exception as error:
        servers = described(agent) if getattr(error, "exceptions", ()) else ""
        raise PlanError(
            f"the agent {type(agent).__qualname__} does not become a plan"
            + (": an MCP server does not answer" if servers else ""),
            expected=f"an answer of each of its MCP servers: {servers}" if servers else "",
            seen=reason_of(error),
            next_step="start it, or put another in its place by its name under resources, mcp_servers"
            if servers
            else "",
        ) from error


def configured(options: Mapping[str, Any], source: str) -> Configuration:
    """Options that came from ``source``. Raises :class:`PlanError` for one that cannot be used."""
    try:
        config = Configuration(options, source=source)
    except OptionError as error:
        raise _unusable(error) from error
    require_supported(config.conf_data)
    return config


def require_supported(options: Mapping[str, Any]) -> None:
    """Raise :class:`PlanError` for an option that the bundled engine would have to pass over."""
    try:
        refuse_unsupported(options)
    except OptionError as error:
        raise _unusable(error) from error


def _unusable(error: OptionError) -> PlanError:
    return PlanError(
        f"the option {error.key} cannot be used", expected=error.expected, seen=repr(error.seen), nearest=error.nearest
    )


def _resources(sections: Mapping[str, Any]) -> Registry:
    """Upstream's loader reads files only; JSON is YAML."""
    misplaced = {"agents", "actions"} & set(sections)
    if misplaced:
        raise PlanError(
            "resources hold something else", expected="resource sections", seen=", ".join(sorted(misplaced))
        )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", encoding="utf-8") as file:
        json.dump(dict(sections), file)
        file.flush()
        registry = _loaded(Path(file.name), "the scenario's resources")
    connections = registry.resources[ResourceType.CHAT_MODEL_CONNECTION]
    connections.update({name: _addressed(descriptor) for name, descriptor in connections.items()})
    return registry


def _addressed(descriptor: ResourceDescriptor) -> ResourceDescriptor:
    """Upstream's Anthropic connection passes over an address; a scenario that gives one means it."""
    if descriptor.target_clazz != "AnthropicChatModelConnection" or "base_url" not in descriptor.arguments:
        return descriptor
    clazz = "flink_agents_runtime.plan.anthropic_connection.AddressedAnthropicConnection"
    return ResourceDescriptor(clazz=clazz, arguments=descriptor.arguments)


def _loaded(path: Path, name: str) -> Registry:
    registry = Registry()
    try:
        load_yaml(registry, path)
    except Exception as error:
        later = "trigger_conditions" in str(error)
        raise PlanError(
            f"{name}: not readable as flink-agents YAML",
            seen=f"{type(error).__name__}: {error}",
            next_step="flink-agents 0.3 says listen_to where 0.4 says trigger_conditions" if later else "",
        ) from error
    return registry


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
