"""A plan in both dialects, written by hand after the formats of upstream's releases."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

OLDER: dict[str, Any] = {
    "actions": {
        "ask": {
            "name": "ask",
            "exec": {"func_type": "PythonFunction", "module": "shop", "qualname": "Shop.ask"},
            "listen_event_types": ["_input_event", "asked"],
            "config": None,
        },
        "pay": {
            "name": "pay",
            "exec": {
                "func_type": "JavaFunction",
                "qualname": "shop.Actions",
                "method_name": "pay",
                "parameter_types": ["shop.Paid", "org.apache.flink.agents.api.context.RunnerContext"],
            },
            "listen_event_types": ["_input_event"],
            "config": {"__config_type__": "python", "tries": 3, "limit": 9.5},
        },
    },
    "actions_by_event": {"_input_event": ["ask", "pay"], "asked": ["ask"]},
    "resource_providers": {
        "tool": {
            "refund": {
                "name": "refund",
                "type": "tool",
                "module": "org.apache.flink.agents.plan.tools",
                "clazz": "FunctionTool",
                "serializedResource": '{"metadata": {"name": "refund"}, "func": {"method_name": "refund"}}',
                "__resource_provider_type__": "JavaSerializableResourceProvider",
            }
        }
    },
    "config": {"conf_data": {"max-retries": 2}},
}


def _newer() -> dict[str, Any]:
    plan = copy.deepcopy(OLDER)
    del plan["actions_by_event"]
    for action in plan["actions"].values():
        action["trigger_conditions"] = action.pop("listen_event_types")
    return plan


@pytest.fixture
def older() -> dict[str, Any]:
    """A plan with ``listen_event_types``."""
    return copy.deepcopy(OLDER)


@pytest.fixture
def newer() -> dict[str, Any]:
    """The same plan with ``trigger_conditions``."""
    return _newer()


@pytest.fixture
def changed(older: dict[str, Any]) -> Callable[..., dict[str, Any]]:
    """Return a function that sets a value below a path of keys, or removes it."""

    def change(*path: str, to: Any = None, remove: bool = False) -> dict[str, Any]:
        plan = copy.deepcopy(older)
        holder: Any = plan
        for key in path[:-1]:
            holder = holder[key]
        if remove:
            del holder[path[-1]]
        else:
            holder[path[-1]] = to
        return plan

    return change
