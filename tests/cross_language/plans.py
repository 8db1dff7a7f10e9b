"""Plans with parts of both languages, made of a plan of one."""

from __future__ import annotations

import copy
from typing import Any

INPUT_OF_PYTHON = "flink_agents.api.events.event.InputEvent"
RUNNER_CONTEXT = "org.apache.flink.agents.api.context.RunnerContext"
EVENT = "org.apache.flink.agents.api.Event"


def with_java_action(
    plan: dict[str, Any], name: str, method: str, *, types: tuple[str, ...] = (EVENT, RUNNER_CONTEXT)
) -> dict[str, Any]:
    """Return the plan of a Python agent with a Java action that gets each input first.

    ``method`` is like ``shop.Visits.count``. flink-agents 0.1 has no other way to add one.
    """
    mixed = copy.deepcopy(plan)
    class_name, _, method_name = method.rpartition(".")
    function = {
        "func_type": "JavaFunction",
        "qualname": class_name,
        "method_name": method_name,
        "parameter_types": list(types),
    }
    mixed["actions"][name] = {
        "name": name,
        "exec": function,
        "listen_event_types": [INPUT_OF_PYTHON],
        "config": None,
    }
    mixed["actions_by_event"][INPUT_OF_PYTHON].insert(0, name)
    return mixed
