"""What readers of a plan refuse or misread, by the dialect of the plan.

Facts: upstream's AgentPlan, Action and ResourceProvider of 0.1.1, 0.3.1 and 0.4 in Python, and their
deserializers in Java.
Must never import: pydantic, pytest, anything that starts something.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from flink_agents_runtime.config.catalogue import LATER, dropped_by_0_4, rejected_by_0_4
from flink_agents_runtime.plan.trigger import event_type_of
from flink_testbed.core.problem import Problem, nearest
from pytest_flink_agents.plan.dialect import CONDITIONS, LISTENED, Dialect, actions_of, dialect_of, resources_of

_KEYS = frozenset(("actions", "actions_by_event", "resource_providers", "config", "agent_name"))
_FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "PythonFunction": ("module", "qualname"),
    "JavaFunction": ("qualname", "method_name", "parameter_types"),
}
# A tool or prompt as an object of Java, which no Python class reads.
_WRITTEN_BY_JAVA = "JavaSerializableResourceProvider"
_PROVIDERS = (
    "PythonResourceProvider",
    "PythonSerializableResourceProvider",
    "JavaResourceProvider",
    _WRITTEN_BY_JAVA,
)
# The type of resources that are agents, called by other agents.
_SUBAGENT = "agent"
# Refused by every reader, misread without a word, refused by some readers.
REFUSED, MISREAD, NOT_BY_ALL = "FA230", "FA231", "FA232"


def plan_problems(plan: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return the problems of a plan's JSON object in the order of the plan.

    FA230 is refused by every reader, FA231 misread without a word, FA232 refused by some readers,
    which the problem names. ``where`` is the JSON path.
    """
    dialect = dialect_of(plan)
    if dialect is None:
        return (Problem(REFUSED, "the JSON is not an agent plan", "$", "actions", ", ".join(plan) or "no keys"),)
    return tuple(_problems(plan, dialect))


def _problems(plan: Mapping[str, Any], dialect: Dialect) -> Iterator[Problem]:
    for key in plan:
        near = nearest(key, _KEYS)
        if key not in _KEYS and near:
            yield Problem(MISREAD, f"{key} is ignored", f"$.{key}", near, key, f"did you mean {near}?")
    if not isinstance(plan.get("actions"), Mapping):
        yield Problem(REFUSED, "the plan has no actions", "$.actions", "an object", _seen(plan.get("actions")))
        return
    for name, action in actions_of(plan):
        yield from _of_action(name, action, dialect)
        if _of_0_1(plan):
            yield from _of_action_options(name, action.get("config"))
    if dialect is Dialect.EVENT_TYPES:
        yield from _order(plan)
    for kind, name, provider in resources_of(plan):
        yield from _of_resource(kind, name, provider)
    yield from _of_options(plan.get("config"), dialect)


def _of_action(name: str, action: Mapping[str, Any], dialect: Dialect) -> Iterator[Problem]:
    where = f"$.actions.{name}"
    if action.get("name") != name:
        yield Problem(MISREAD, "the action has another name inside", f"{where}.name", name, _seen(action.get("name")))
    yield from _of_function(f"{where}.exec", action.get("exec"))
    word = CONDITIONS if dialect is Dialect.CONDITIONS else LISTENED
    listed = action.get(word)
    if not isinstance(listed, list) or not listed:
        yield Problem(REFUSED, f"action {name} has no {word}", f"{where}.{word}", "a list of str", _seen(listed))
        return
    for each, count in Counter(map(str, listed)).items():
        if count > 1:
            message = f"action {name} runs {count} times for each {each}"
            yield Problem(MISREAD, message, f"{where}.{word}", "each event type once", each, "remove the repetitions")
    if dialect is Dialect.CONDITIONS:
        yield from _of_conditions(name, where, listed)


def _of_0_1(plan: Mapping[str, Any]) -> bool:
    """Return True for a plan of 0.1, whose built-in events are classes; later releases give them names."""
    by_event = plan.get("actions_by_event")
    events = by_event if isinstance(by_event, Mapping) else ()
    return any(str(event).startswith("flink_agents.api.events.") for event in events)


def _of_action_options(name: str, options: Any) -> Iterator[Problem]:
    """Yield the options of a Python action that Java of 0.1 reads as text, seen with 0.1.1."""
    if not isinstance(options, Mapping) or options.get("__config_type__") != "python":
        return
    for key, value in options.items():
        if isinstance(value, (bool, int, float)):
            where = f"$.actions.{name}.config[{json.dumps(key)}]"
            message = f"Java of flink-agents 0.1 reads the option {key} of action {name} as text"
            next_step = "convert it in the action, or use flink-agents 0.3.1"
            yield Problem(MISREAD, message, where, "a string", json.dumps(value), next_step)


def _of_conditions(name: str, where: str, listed: list[Any]) -> Iterator[Problem]:
    yield Problem(
        NOT_BY_ALL,
        f"flink-agents 0.3 does not read action {name}",
        f"{where}.{CONDITIONS}",
        LISTENED,
        CONDITIONS,
        "run the plan with flink-agents 0.4, or create it with flink-agents 0.3.1",
    )
    for condition in map(str, listed):
        if event_type_of(condition) is None:
            yield Problem(
                NOT_BY_ALL,
                f"only the Java operator of flink-agents 0.4 evaluates the condition of action {name}",
                f"{where}.{CONDITIONS}",
                "an event type",
                f"CEL: {condition[:200]}",
                "listen to the event type, and decide in the action",
            )


def _of_function(where: str, function: Any) -> Iterator[Problem]:
    written = function if isinstance(function, Mapping) else {}
    kind = str(written.get("func_type", "absent"))
    if kind not in _FUNCTIONS:
        known = " or ".join(_FUNCTIONS)
        yield Problem(REFUSED, "the kind of function is unknown", f"{where}.func_type", known, kind)
        return
    for field in _FUNCTIONS[kind]:
        if field not in written:
            yield Problem(REFUSED, f"the {kind} is incomplete", f"{where}.{field}", field, "absent")


def _order(plan: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield where ``actions_by_event``, by which both engines run actions, contradicts the actions."""
    by_event = plan.get("actions_by_event")
    if not isinstance(by_event, Mapping):
        yield Problem(REFUSED, "the plan has no actions_by_event", "$.actions_by_event", "an object", _seen(by_event))
        return
    listened = {name: _words(action.get(LISTENED)) for name, action in actions_of(plan)}
    pairs = [(event, name) for event, names in by_event.items() for name in _words(names)]
    for event, name in pairs:
        if name not in listened:
            near = nearest(name, listened)
            next_step = f"did you mean {near}?" if near else ""
            where = f"$.actions_by_event.{event}"
            yield Problem(REFUSED, f"there is no action {name}", where, "a name under actions", name, next_step)
        elif listened[name] and event not in listened[name]:
            message = f"action {name} runs for {event}, to which it does not listen"
            yield Problem(MISREAD, message, f"$.actions.{name}.{LISTENED}", event, ", ".join(listened[name]))
    for name, events in listened.items():
        for event in dict.fromkeys(events):
            if (event, name) not in pairs:
                message = f"action {name} never runs for {event}"
                yield Problem(MISREAD, message, f"$.actions_by_event.{event}", name, "absent", f"add {name} there")


def _words(value: Any) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else []


def _of_resource(kind: str, name: str, provider: Mapping[str, Any]) -> Iterator[Problem]:
    where = f"$.resource_providers.{kind}.{name}"
    written = provider.get("__resource_provider_type__")
    if written not in _PROVIDERS:
        near = nearest(str(written), _PROVIDERS)
        next_step = f"did you mean {near}?" if near else ""
        place = f"{where}.__resource_provider_type__"
        yield Problem(
            REFUSED, "the kind of resource is unknown", place, " or ".join(_PROVIDERS), _seen(written), next_step
        )
        return
    for field, value in (("name", name), ("type", kind)):
        if provider.get(field) != value:
            message = f"the resource has another {field} inside"
            yield Problem(MISREAD, message, f"{where}.{field}", value, _seen(provider.get(field)))
    java = str(written).startswith("Java")
    descriptor = provider.get("descriptor")
    language = descriptor.get("language") if isinstance(descriptor, Mapping) else None
    if language not in (None, "java" if java else "python"):
        message = f"a {written} does not create a resource of {language}"
        yield Problem(REFUSED, message, f"{where}.descriptor.language", "java" if java else "python", _seen(language))
    if kind == _SUBAGENT:
        message = "the bundled engine does not execute subagents"
        next_step = "run the plan with --flink-engine=upstream, or test the subagent as an agent of its own"
        yield Problem(NOT_BY_ALL, message, where, "another resource", kind, next_step)
    if written == _WRITTEN_BY_JAVA:
        message = "the bundled engine does not create a resource that Java wrote into the plan"
        next_step = "run the plan with --flink-engine=upstream, or declare the resource in Python"
        yield Problem(NOT_BY_ALL, message, where, "a Python resource", str(written), next_step)


def _of_options(config: Any, dialect: Dialect) -> Iterator[Problem]:
    """Yield the options that the releases of a dialect reject or ignore."""
    options = config.get("conf_data") if isinstance(config, Mapping) else None
    for key in options if isinstance(options, Mapping) else ():
        where = f"$.config.conf_data[{json.dumps(key)}]"
        if dialect is Dialect.EVENT_TYPES:
            if key in LATER:
                message = f"{key} is an option of flink-agents 0.4, and older releases ignore it"
                yield Problem(MISREAD, message, where, "an option of flink-agents 0.3", key, "remove it")
        elif successor := rejected_by_0_4(key):
            message = f"flink-agents 0.4 rejects {key} when the job starts"
            yield Problem(REFUSED, message, where, successor, key, f"write {successor}")
        elif successor := dropped_by_0_4(key):
            message = f"flink-agents 0.4 ignores {key}"
            yield Problem(MISREAD, message, where, successor, key, f"write {successor}, which is 0 by default")


def _seen(value: Any) -> str:
    return "absent" if value is None else str(value)[:200]
