"""The promotion gate for Apache Flink Agents jobs.

A pytest plugin with its scenario language, checks, gate and report.

The public names are loaded on first use, so that pytest starts no slower for the plugin.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from pytest_flink_agents.version import __version__ as __version__

if TYPE_CHECKING:
    from flink_testbed.core.problem import HostError
    from flink_testbed.flink.cluster import FlinkCluster
    from flink_testbed.flink.config import ClusterConfig
    from flink_testbed.kafka.record import KafkaRecord
    from flink_testbed.kafka.service import KafkaService
    from flink_testbed.models.server import ModelServer
    from pytest_flink_agents.evidence.model import Event, Evidence, Failure, Output
    from pytest_flink_agents.run.agent_runner import AgentRunner
    from pytest_flink_agents.run.agent_script import AgentScript
    from pytest_flink_agents.run.subject import AgentFailedError, AgentRefusedError
    from pytest_flink_agents.run.timeline import AfterCheckpoints, AfterOutputs, AfterSeconds, Step, TakeSavepoint
    from pytest_flink_agents.scenario.matching.assertion import matches

__all__ = [
    "AfterCheckpoints",
    "AfterOutputs",
    "AfterSeconds",
    "AgentFailedError",
    "AgentRefusedError",
    "AgentRunner",
    "AgentScript",
    "ClusterConfig",
    "Event",
    "Evidence",
    "Failure",
    "FlinkCluster",
    "HostError",
    "KafkaRecord",
    "KafkaService",
    "ModelServer",
    "Output",
    "Step",
    "TakeSavepoint",
    "matches",
]

_MODULES = {
    "AfterCheckpoints": "pytest_flink_agents.run.timeline",
    "AfterOutputs": "pytest_flink_agents.run.timeline",
    "AfterSeconds": "pytest_flink_agents.run.timeline",
    "AgentFailedError": "pytest_flink_agents.run.subject",
    "AgentRefusedError": "pytest_flink_agents.run.subject",
    "AgentRunner": "pytest_flink_agents.run.agent_runner",
    "AgentScript": "pytest_flink_agents.run.agent_script",
    "ClusterConfig": "flink_testbed.flink.config",
    "Event": "pytest_flink_agents.evidence.model",
    "Evidence": "pytest_flink_agents.evidence.model",
    "Failure": "pytest_flink_agents.evidence.model",
    "FlinkCluster": "flink_testbed.flink.cluster",
    "HostError": "flink_testbed.core.problem",
    "KafkaRecord": "flink_testbed.kafka.record",
    "KafkaService": "flink_testbed.kafka.service",
    "ModelServer": "flink_testbed.models.server",
    "Output": "pytest_flink_agents.evidence.model",
    "Step": "pytest_flink_agents.run.timeline",
    "TakeSavepoint": "pytest_flink_agents.run.timeline",
    "matches": "pytest_flink_agents.scenario.matching.assertion",
}


def __getattr__(name: str) -> Any:
    """Load a public name from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    # The next access finds it without this function.
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
