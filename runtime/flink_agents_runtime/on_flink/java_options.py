"""The options that Java declares, and their values as each language reads them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from py4j.protocol import Py4JJavaError
from pyflink.java_gateway import get_gateway

from flink_agents_runtime.on_flink.java_classes import cause_of, java_class, json_text
from flink_agents_runtime.plan.agent_reference import PlanError

_PACKAGE = "org.apache.flink.agents.api"
# The classes that declare options; older releases have the first only.
_DECLARING = (
    f"{_PACKAGE}.configuration.AgentConfigOptions",
    f"{_PACKAGE}.agents.AgentExecutionOptions",
    f"{_PACKAGE}.configuration.MemoryEventOptions",
    f"{_PACKAGE}.memory.LongTermMemoryOptions",
)
_OPTION = f"{_PACKAGE}.configuration.ConfigOption"
_ENVIRONMENT = "org.apache.flink.agents.runtime.env.RemoteExecutionEnvironment"
_PYTHON_TYPES = {
    "java.lang.String": str,
    "java.lang.Integer": int,
    "java.lang.Long": int,
    "java.lang.Boolean": bool,
    "java.lang.Float": float,
    "java.lang.Double": float,
}


@dataclass(frozen=True, slots=True)
class DeclaredOption:
    """One option: its key, the name of its Java type, its default, and Java's object."""

    key: str
    type_name: str
    default: Any
    java: Any


class JavaConfiguration:
    """Upstream's AgentConfiguration in Java."""

    def __init__(self, configuration: Any) -> None:
        self._configuration = configuration
        self.data = json.loads(json_text(configuration.getConfData()))

    def value(self, option: DeclaredOption) -> Any:
        """Return an option's value as JSON, or the error as text."""
        try:
            return json.loads(json_text(self._configuration.get(option.java)))
        except Py4JJavaError as error:
            return f"error: {cause_of(error)}"


def java_configuration(directory: str) -> JavaConfiguration:
    """Return the configuration that Java reads in a directory. Raises :class:`PlanError`."""
    assert java_class(_ENVIRONMENT)
    environment = get_gateway().jvm.org.apache.flink.agents.runtime.env.RemoteExecutionEnvironment
    try:
        return JavaConfiguration(environment.loadAgentConfiguration(directory))
    except Py4JJavaError as error:
        raise PlanError("Java cannot read the configuration", seen=cause_of(error)) from None


def declared_options() -> Sequence[DeclaredOption]:
    """Return the options of all classes that declare some, in the order of their keys."""
    option_class = java_class(_OPTION)
    found = []
    for name in _DECLARING:
        try:
            declaring = java_class(name)
        except PlanError:
            continue
        options = [field.get(None) for field in declaring.getFields() if field.getType().equals(option_class)]
        found += [_declared(option) for option in options]
    return sorted(found, key=lambda option: option.key)


def python_value(configuration: Any, option: DeclaredOption) -> Any:
    """Return an option's value in Python as JSON, or the error as text.

    An enumeration is read as a str: its class in Python differs between releases.
    """
    from flink_agents.api.configuration import ConfigOption

    of_type = _PYTHON_TYPES.get(option.type_name, str)
    try:
        return configuration.get(ConfigOption(option.key, of_type, option.default))
    except Exception as error:
        return f"error: {type(error).__name__}: {error}"


def _declared(option: Any) -> DeclaredOption:
    default = json.loads(json_text(option.getDefaultValue()))
    return DeclaredOption(str(option.getKey()), str(option.getType().getName()), default, option)
