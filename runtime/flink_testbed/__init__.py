"""Start, watch and break the services that a Flink Agents job needs.

These are Flink clusters, Kafka brokers, model servers and job environments. The package knows
neither pytest nor scenarios. The public names are loaded at first use, so that importing it imports
none of its dependencies.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flink_testbed.artifacts.versions import FlinkRelease, resolve_flink
    from flink_testbed.core.clock import wait_until
    from flink_testbed.core.problem import HostError, Problem, ProblemError, WaitTimeoutError
    from flink_testbed.flink.access import RestAccess
    from flink_testbed.flink.cluster import FlinkCluster
    from flink_testbed.flink.config import ClusterConfig
    from flink_testbed.flink.containers import ContainerCluster
    from flink_testbed.flink.remote import RemoteCluster
    from flink_testbed.flink.standalone import StandaloneCluster
    from flink_testbed.kafka.record import KafkaRecord
    from flink_testbed.kafka.service import KafkaService
    from flink_testbed.models.server import ModelServer
    from flink_testbed.services import EmbeddedBroker, EmbeddedFlink, FlinkContainers, KafkaContainer

__all__ = [
    "ClusterConfig",
    "ContainerCluster",
    "EmbeddedBroker",
    "EmbeddedFlink",
    "FlinkCluster",
    "FlinkContainers",
    "FlinkRelease",
    "HostError",
    "KafkaContainer",
    "KafkaRecord",
    "KafkaService",
    "ModelServer",
    "Problem",
    "ProblemError",
    "RemoteCluster",
    "RestAccess",
    "StandaloneCluster",
    "WaitTimeoutError",
    "resolve_flink",
    "wait_until",
]

_MODULES = {
    "ClusterConfig": "flink.config",
    "ContainerCluster": "flink.containers",
    "EmbeddedBroker": "services",
    "EmbeddedFlink": "services",
    "FlinkCluster": "flink.cluster",
    "FlinkContainers": "services",
    "FlinkRelease": "artifacts.versions",
    "HostError": "core.problem",
    "KafkaContainer": "services",
    "KafkaRecord": "kafka.records",
    "KafkaService": "kafka.service",
    "ModelServer": "models.server",
    "Problem": "core.problem",
    "ProblemError": "core.problem",
    "RemoteCluster": "flink.remote",
    "RestAccess": "flink.access",
    "StandaloneCluster": "flink.standalone",
    "WaitTimeoutError": "core.problem",
    "resolve_flink": "artifacts.versions",
    "wait_until": "core.clock",
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
