"""The parts of an agent plan in words.

Must never import: pydantic, pytest, anything that starts something.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flink_agents_runtime.config.catalogue import is_secret
from pytest_flink_agents.plan.canonical import canonical_plan, plan_digest
from pytest_flink_agents.plan.dialect import CONDITIONS, actions_of, dialect_of, resources_of

_MASK = "***"
_RELEASES = {"0.1": "flink-agents 0.1 to 0.3", "0.4": "flink-agents 0.4"}


def function_name(function: Any) -> str:
    """Return ``module:qualname`` of a Python function, ``Class.method(Types)`` of a Java method."""
    if not isinstance(function, Mapping):
        return "no function"
    if function.get("func_type") == "JavaFunction":
        types = function.get("parameter_types")
        names = [str(each).rpartition(".")[2] for each in types] if isinstance(types, list) else ["?"]
        return f"{function.get('qualname')}.{function.get('method_name')}({', '.join(names)}), Java"
    return f"{function.get('module')}:{function.get('qualname')}"


def resource_name(provider: Mapping[str, Any]) -> str:
    """Return the class of a resource, or the function of a tool, with its language if it is Java."""
    serialized = provider.get("serialized", provider.get("serializedResource"))
    if isinstance(serialized, Mapping) and isinstance(serialized.get("func"), Mapping):
        return function_name(serialized["func"])
    descriptor = provider.get("descriptor")
    holder = descriptor if isinstance(descriptor, Mapping) else provider
    module, name = holder.get("target_module", holder.get("module")), holder.get("target_clazz", holder.get("clazz"))
    parts = ".".join(str(part) for part in (module, name) if part)
    return parts + (", Java" if is_java(provider) else "")


def is_java(provider: Mapping[str, Any]) -> bool:
    """Return True if a resource is created by Java."""
    return str(provider.get("__resource_provider_type__")).startswith("Java")


def python_parts(plan: Mapping[str, Any]) -> list[str]:
    """Return the actions and resources of a plan that are Python, in its order."""
    actions = [
        f"action {name}"
        for name, action in actions_of(plan)
        if isinstance(action.get("exec"), Mapping) and action["exec"].get("func_type") != "JavaFunction"
    ]
    return actions + [f"{kind} {name}" for kind, name, provider in resources_of(plan) if not is_java(provider)]


def masked(form: Any) -> Any:
    """Return a plan with a mask instead of each text whose key names a secret."""
    if isinstance(form, list):
        return [masked(each) for each in form]
    if not isinstance(form, Mapping):
        return form
    return {key: _MASK if isinstance(value, str) and is_secret(key) else masked(value) for key, value in form.items()}


def plan_lines(plan: Mapping[str, Any], name: str) -> Iterator[str]:
    """Yield the lines that show a plan: actions, events, resources and options.

    Values of secret options are masked.
    """
    form, dialect = masked(canonical_plan(plan)), dialect_of(plan)
    written = _RELEASES[dialect.value] if dialect else "an unknown release"
    yield f"plan of {form.get('agent_name') or name}, as {written} writes it, {plan_digest(plan)}"
    yield "actions"
    for action_name, action in actions_of(form):
        conditions = ", ".join(map(str, action.get(CONDITIONS) or ())) or "nothing"
        yield f"  {action_name}: on {conditions} call {function_name(action.get('exec'))}"
        yield from (f"    option {line}" for line in _options(action.get("config")))
    yield "events"
    by_event = form["actions_by_event"]
    for event, names in by_event.items() if isinstance(by_event, Mapping) else ():
        yield f"  {event}: {', '.join(map(str, names)) if isinstance(names, list) else names}"
    yield "resources"
    for kind, resource, provider in resources_of(form):
        yield f"  {kind} {resource}: {resource_name(provider)}"
    yield "options"
    config = form["config"]
    yield from (f"  {line}" for line in _options(config.get("conf_data") if isinstance(config, Mapping) else None))


def _options(options: Any) -> Iterator[str]:
    for key, value in options.items() if isinstance(options, Mapping) else ():
        if not key.startswith("__"):
            yield f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)}"
