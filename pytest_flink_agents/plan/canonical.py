"""The canonical form of an agent plan.

Two plans make the same job if their canonical forms are equal, whatever language, dialect or
release wrote them:

* The order of keys has no meaning. Java keeps the members of a plan in hash maps.
* The order of the event types of an action has no meaning; the order of the actions of an event has.
* The newer words are used: ``trigger_conditions``, also for ``listen_event_types``. The order of
  actions is always given by ``actions_by_event``, which 0.4 does not write.
* Empty and absent sections are the same, as are an action's options that are null, absent or empty.
* A resource that Java wrote as JSON text is compared as the value that the text has.

Nothing else is left out or changed: what a release adds to a plan is part of the form.
Must never import: pydantic, pytest, anything that starts something.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pytest_flink_agents.plan.dialect import CONDITIONS, LISTENED, actions_of, resources_of

_BY_EVENT = "actions_by_event"
_RESOURCES = "resource_providers"
# The language in which the values of an action's options are written; without options it says nothing.
_CONFIG_TYPE = "__config_type__"
# Java's serializable resources are JSON text inside the JSON.
_JSON_TEXT = "serializedResource"


def canonical_plan(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the canonical form of a plan's JSON object, which is not changed.

    Malformed parts stay as they are, so that they differ from well-formed ones.
    """
    form = {key: value for key, value in plan.items() if value is not None}
    if isinstance(form.get("actions"), Mapping):
        form["actions"] = {name: _action(action) for name, action in form["actions"].items()}
    form[_BY_EVENT] = form[_BY_EVENT] if _BY_EVENT in form else _order(plan)
    if isinstance(form.setdefault(_RESOURCES, {}), Mapping):
        form[_RESOURCES] = _resources(plan, form[_RESOURCES])
    config = form.setdefault("config", {})
    if isinstance(config, Mapping) and not config.get("conf_data"):
        form["config"] = {"conf_data": {}}
    if form.get("agent_name") == "":
        del form["agent_name"]
    return {key: _sorted(form[key]) for key in sorted(form)}


def canonical_text(plan: Mapping[str, Any]) -> str:
    """Return the canonical form as JSON text, indented for reading and line-based comparison."""
    return json.dumps(canonical_plan(plan), indent=2, ensure_ascii=False)


def plan_digest(plan: Mapping[str, Any]) -> str:
    """Return ``sha256:...`` of the canonical form."""
    text = json.dumps(canonical_plan(plan), separators=(",", ":"))
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def _action(action: Any) -> Any:
    if not isinstance(action, Mapping):
        return action
    form = dict(action)
    if CONDITIONS not in form and LISTENED in form:
        form[CONDITIONS] = form.pop(LISTENED)
    conditions = form.get(CONDITIONS)
    if isinstance(conditions, list) and all(isinstance(each, str) for each in conditions):
        form[CONDITIONS] = sorted(set(conditions))
    options = form.get("config")
    if options is None or (isinstance(options, Mapping) and set(options) <= {_CONFIG_TYPE}):
        form.pop("config", None)
    return form


def _order(plan: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the actions of each event type or condition in the order of the actions."""
    order: dict[str, list[str]] = {}
    for name, action in actions_of(plan):
        listed = action.get(CONDITIONS, action.get(LISTENED))
        for condition in dict.fromkeys(map(str, listed)) if isinstance(listed, list) else ():
            order.setdefault(condition, []).append(name)
    return order


def _resources(plan: Mapping[str, Any], providers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resources without empty types, and with values instead of JSON text."""
    form = {kind: dict(named) if isinstance(named, Mapping) else named for kind, named in providers.items() if named}
    for kind, name, provider in resources_of(plan):
        form[kind][name] = {key: _value(key, value) for key, value in provider.items()}
    return form


def _value(key: str, value: Any) -> Any:
    if key != _JSON_TEXT or not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def _sorted(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _sorted(value[key]) for key in sorted(value)}
    return [_sorted(each) for each in value] if isinstance(value, list) else value
