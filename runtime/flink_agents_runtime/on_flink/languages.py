"""Read plans and configurations by upstream's classes in Java and in Python.

Started as ``python -m flink_agents_runtime.on_flink.languages JAR...`` with upstream's jars; speaks
the protocol of :mod:`flink_agents_runtime.channel`. Plans are JSON texts; ``jars`` are the user's.

    {"op": "java_plan", "class": "shop.RefundAgent", "config": {...}, "jars": [...]}     ->  {"plan": ...}
    {"op": "python_plan", "agent_spec": {"agent": "shop:RefundAgent"}, "config": {...}}  ->  {"plan": ...}
    {"op": "through_java", "plan": ..., "jars": [...]}                                   ->  {"plan": ...}
    {"op": "through_python", "plan": ...}                                                ->  {"plan": ...}
    {"op": "options", "directory": "conf"}                             ->  {"java": {...}, "python": {...}}
"""

from __future__ import annotations

import json
import platform
import sys
from functools import partial
from pathlib import Path
from typing import Any

from flink_agents_runtime.channel import serve


def hello(jars: list[str]) -> dict[str, Any]:
    """Start the JVM with upstream's classes."""
    from pyflink.java_gateway import get_gateway

    from flink_agents_runtime.on_flink.gateway import use_gateway_token
    from flink_agents_runtime.on_flink.upstream import add_upstream_jars

    use_gateway_token()
    get_gateway()
    add_upstream_jars(jars)
    return {"python": platform.python_version()}


def java_plan(request: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of a Java agent. Raises RequestError of kind "plan"."""
    from flink_agents_runtime.on_flink.java_classes import class_path, java_agent_plan

    with class_path(request["jars"]):
        return {"plan": java_agent_plan(request["class"], request["config"])}


def python_plan(request: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of a Python agent. Raises RequestError of kind "plan"."""
    from flink_agents_runtime.plan.as_json import plan_as_json

    return {"plan": plan_as_json(request["agent_spec"], config=request["config"])[0]}


def read_by_java(request: dict[str, Any]) -> dict[str, Any]:
    """Return a plan as Java writes it after it has read it. Raises RequestError of kind "plan"."""
    from flink_agents_runtime.on_flink.java_classes import class_path, through_java

    with class_path(request["jars"]):
        return {"plan": through_java(request["plan"])}


def read_by_python(request: dict[str, Any]) -> dict[str, Any]:
    """Return a plan as Python writes it after it has read it. Raises RequestError of kind "plan"."""
    from flink_agents_runtime.plan.as_json import through_python

    return {"plan": through_python(request["plan"])}


def options(request: dict[str, Any]) -> dict[str, Any]:
    """Return the options below ``agent:`` in a directory's ``config.yaml``, as each language reads them.

    ``data`` has the options of the file, ``declared`` those that Java declares, each with its value or
    with the error that reading it raises.
    """
    from flink_agents.plan.configuration import AgentConfiguration

    from flink_agents_runtime.on_flink.java_options import declared_options, java_configuration, python_value

    directory = Path(request["directory"])
    in_java, in_python = java_configuration(str(directory)), AgentConfiguration()
    in_python.load_from_file(str(directory / "config.yaml"))
    declared = declared_options()
    return {
        "java": {"data": in_java.data, "declared": {each.key: in_java.value(each) for each in declared}},
        "python": {
            "data": json.loads(json.dumps(in_python.get_conf_data(), default=str)),
            "declared": {each.key: python_value(in_python, each) for each in declared},
        },
    }


HANDLERS = {
    "java_plan": java_plan,
    "python_plan": python_plan,
    "through_java": read_by_java,
    "through_python": read_by_python,
    "options": options,
}

if __name__ == "__main__":
    serve(HANDLERS, partial(hello, sys.argv[1:]))
