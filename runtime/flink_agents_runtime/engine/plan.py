"""From what a scenario names (a class, a YAML agent, a plan file) to upstream's AgentPlan."""

from __future__ import annotations

import difflib
import importlib
import inspect
import json
import tempfile
import traceback
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flink_agents.api.agents.agent import Agent
from flink_agents.api.resource import ResourceType
from flink_agents.api.skills import Skills
from flink_agents.api.yaml.loader import load_yaml
from flink_agents.plan.agent_plan import SKILLS_CONFIG, AgentPlan
from flink_agents.plan.resource_provider import PythonSerializableResourceProvider

from flink_agents_runtime.channel import RequestError
from flink_agents_runtime.engine.configuration import BY_HAND, Configuration
from flink_agents_runtime.engine.options import OptionError, refuse_unsupported


class PlanError(RequestError):
    """An agent that cannot become a plan. The texts are for people; ``nearest`` is a known name like the one given."""

    def __init__(
        self, message: str, *, expected: str = "", seen: str = "", next_step: str = "", nearest: str = ""
    ) -> None:
        super().__init__("plan", message, expected=expected, seen=seen, next_step=next_step)
        self.nearest = nearest

    def __str__(self) -> str:
        parts = {"expected": self.expected, "seen": self.seen, "next": self.next_step}
        return "; ".join([self.message, *(f"{label}: {text}" for label, text in parts.items() if text)])


class Registry(Agent):
    """Takes what upstream's YAML loader registers on an environment: shared resources, and agents by name."""

    def __init__(self) -> None:
        super().__init__()
        self._agents: dict[str, Agent] = {}

    @property
    def agents(self) -> dict[str, Agent]:
        """The agents of the files loaded, by name."""
        return self._agents


def build_plan(agent_spec: Mapping[str, Any], *, config: Mapping[str, Any]) -> AgentPlan:
    """The plan of ``{"agent": ..., "resources": {...}}``.

    ``agent`` is ``"module:Class"`` (or the name of an Agent instance in that module), ``{"yaml": path, "name": name}``
    or ``{"plan": path}``. ``resources`` holds the resource sections of upstream's YAML API; a resource there takes the
    place of the agent's own one of the same type and name: so a scenario points an agent at its model server. Skills
    are added up. An MCP server that the agent declares is still asked for its tools while the plan is made.
    ``config`` goes over a plan file's own. Raises :class:`PlanError`.
    """
    options = configured(config, "the scenario")
    scenario = _resources(agent_spec.get("resources") or {})
    agent = agent_spec.get("agent")
    if isinstance(agent, str):
        plan = plan_of(_from_module(agent), options)
    elif isinstance(agent, Mapping) and "yaml" in agent:
        path, name = Path(agent["yaml"]), str(agent.get("name", ""))
        _text(path)
        registry = _loaded(path, str(path))
        plan = plan_of(_named(registry, name, path), options, shared=registry)
    elif isinstance(agent, Mapping) and "plan" in agent:
        plan = load_plan(_text(Path(agent["plan"])))
        plan.config.add(options.conf_data, "the scenario")
    else:
        raise PlanError(
            "the scenario names no agent",
            expected='"module:Class", {yaml: path, name: name} or {plan: path}',
            seen=json.dumps(agent, default=repr),
        )
    _merge(plan, scenario, replace=True)
    return plan


def load_plan(text: str) -> AgentPlan:
    """A plan from its JSON text, as ``plan.model_dump_json()`` writes it. Raises :class:`PlanError`."""
    try:
        raw = json.loads(text)
        actions = raw["actions"]
        later = [name for name, action in actions.items() if "trigger_conditions" in action]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlanError(
            "not an agent plan", expected="JSON with 'actions'", seen=f"{type(error).__name__}: {error}"
        ) from error
    if later:
        raise PlanError(
            "the plan is written in the dialect of flink-agents 0.4",
            expected="listen_event_types, as flink-agents 0.3 writes",
            seen=f"trigger_conditions in action {later[0]!r}",
            next_step="make the plan with flink-agents 0.3.1",
        )
    try:
        plan = AgentPlan.model_validate(raw)
    except Exception as error:
        raise PlanError("the plan does not load", seen=f"{type(error).__name__}: {error}") from error
    plan.config = configured(plan.config.conf_data if plan.config else {}, "the plan")
    plan.resource_providers = plan.resource_providers or {}
    return plan


def plan_of(agent: Agent, config: Configuration | Mapping[str, Any], *, shared: Agent | None = None) -> AgentPlan:
    """The plan of an agent object, which stays as it is. Resources of ``shared`` yield to the agent's own.

    A :class:`Configuration` itself becomes the plan's, so that what is set later still counts. Raises :class:`PlanError`.
    """
    plan = _compiled(agent, config if isinstance(config, Configuration) else configured(config, BY_HAND))
    if any("trigger_conditions" in vars(action) for action in plan.actions.values()):
        raise PlanError("the installed flink-agents makes plans with trigger_conditions", expected="flink-agents 0.3")
    if shared is not None:
        _merge(plan, shared, replace=False)
    return plan


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
        raise PlanError(
            f"the agent {type(agent).__qualname__} does not become a plan", seen=f"{type(error).__name__}: {error}"
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
        return _loaded(Path(file.name), "the scenario's resources")


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
        raise _unknown(f"{path} declares no agent {name!r}", name, registry.agents)
    return registry.agents[name]


def _from_module(reference: str) -> Agent:
    module_name, _, name = reference.partition(":")
    if not module_name or not name:
        raise PlanError("an agent is named module:Class", expected="one colon", seen=reference)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        missing = isinstance(error, ModuleNotFoundError) and (error.name or "") in _with_parents(module_name)
        raise PlanError(
            f"no module {module_name!r}" if missing else f"the module {module_name!r} cannot be imported",
            seen=f"{type(error).__name__}: {error}" + ("" if missing else _last_line(error)),
            next_step="add its root to pytest's pythonpath, or its package to the scenario's requirements"
            if isinstance(error, ModuleNotFoundError)
            else "mend that line; it is run in the job environment, not in pytest's",
        ) from error
    found = vars(module).get(name)
    if found is None:
        agents = [known for known, value in vars(module).items() if _is_agent_class(value) and value is not Agent]
        raise _unknown(f"the module {module_name!r} has no {name!r}", name, agents)
    if isinstance(found, Agent):
        return found
    if not _is_agent_class(found):
        raise PlanError(
            f"{reference} is no agent",
            expected="a subclass of flink_agents' Agent, or an agent made of one",
            seen=repr(found),
            next_step="name the agent's class, as module:Class",
        )
    try:
        inspect.signature(found).bind()
    except TypeError as error:
        raise PlanError(
            f"{reference} wants arguments",
            expected="a class that is made without arguments",
            seen=f"{name}{inspect.signature(found)}: {error}",
            next_step=f"make one in the module, my_agent = {name}(...), and name it: {module_name}:my_agent",
        ) from None
    try:
        return found()
    except Exception as error:
        raise PlanError(f"{reference} fails when it is made", seen=f"{type(error).__name__}: {error}") from error


def _last_line(error: BaseException) -> str:
    """Where the error came from: the innermost line that is a file's."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""


def _unknown(message: str, name: str, known: Iterable[str]) -> PlanError:
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return PlanError(
        message,
        expected="one of " + ", ".join(names) if names else "at least one agent there",
        seen=name,
        next_step=f"did you mean {near[0]!r}?" if near else "",
        nearest=near[0] if near else "",
    )


def _is_agent_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Agent)


def _with_parents(module_name: str) -> list[str]:
    parts = module_name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]
