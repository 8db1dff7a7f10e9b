"""The bundled runtime: executes agents written with flink_agents, with and without Flink.

It runs inside the user's job and may import the standard library, flink_agents, pydantic and
cloudpickle; pyflink only below ``on_flink``. It imports neither the testbed nor the harness.

The public names are loaded at first use. Importing the package costs nothing, so a worker can
secure its standard input and output before any heavy module is loaded.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flink_agents_runtime.config.config_file import ConfigurationError
    from flink_agents_runtime.config.configuration import Configuration
    from flink_agents_runtime.config.options import OptionError
    from flink_agents_runtime.engine.action_record import StoreError
    from flink_agents_runtime.engine.failure import ActionFailure
    from flink_agents_runtime.engine.resources import MissingResourceError, ResourceError
    from flink_agents_runtime.local.environment import LocalEnvironment
    from flink_agents_runtime.local.host import LocalHost, LocalResult
    from flink_agents_runtime.on_flink.environment import FlinkEnvironment
    from flink_agents_runtime.plan.agent_reference import PlanError
    from flink_agents_runtime.plan.build import build_plan, load_plan, plan_of

__all__ = [
    "ActionFailure",
    "Configuration",
    "ConfigurationError",
    "FlinkEnvironment",
    "LocalEnvironment",
    "LocalHost",
    "LocalResult",
    "MissingResourceError",
    "OptionError",
    "PlanError",
    "ResourceError",
    "StoreError",
    "build_plan",
    "load_plan",
    "plan_of",
]

_MODULES = {
    "ActionFailure": "engine.failure",
    "Configuration": "config.configuration",
    "ConfigurationError": "config.config_file",
    "FlinkEnvironment": "on_flink.environment",
    "LocalEnvironment": "local.environment",
    "LocalHost": "local.host",
    "LocalResult": "local.host",
    "MissingResourceError": "engine.resources",
    "OptionError": "config.options",
    "PlanError": "plan.agent_reference",
    "ResourceError": "engine.resources",
    "StoreError": "engine.action_record",
    "build_plan": "plan.build",
    "load_plan": "plan.build",
    "plan_of": "plan.build",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    # The next access finds it without this function.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
