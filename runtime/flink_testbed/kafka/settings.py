"""The settings of a launched broker.

Pure functions from values to strings and lists.

Sources: Kafka's documentation of the broker configuration, and observations of a 4.1 broker.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.artifacts.java import QUICK_START_FLAGS
from flink_testbed.core.ports import LOOPBACK
from flink_testbed.network import Passage

BROKER_CLASS = "kafka.Kafka"
STORAGE_TOOL_CLASS = "kafka.tools.StorageTool"
# Subdirectories that are removed with the broker; settings and logs stay.
SCRATCH = ("data", "tmp", "archives")
HEAP_MIB = 256


@dataclass(frozen=True, slots=True)
class Node:
    """One broker and controller: its number and its two loopback ports.

    ``behind_proxy`` is where the broker listens for clients that come through a proxy, and the port at
    which it sends them to that proxy. Without one it costs a few idle threads.
    """

    number: int
    port: int
    controller_port: int
    behind_proxy: Passage | None = None


def new_id() -> str:
    """Return a random id in Kafka's format: 16 bytes in URL-safe base64.

    It never begins with a dash, which Kafka's tool would take for an option.
    """
    return "F" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def server_properties(node: Node, nodes: Sequence[Node], *, data: Path) -> str:
    """Return the properties of one of ``nodes``, with its logs in ``data``."""
    voters = ",".join(f"{each.number}@{LOOPBACK}:{each.controller_port}" for each in nodes)
    # A listener answers its clients with its own advertised addresses, so that none leaves the proxy.
    listens = {"CLIENTS": node.port, "CONTROLLER": node.controller_port}
    advertised = {"CLIENTS": node.port}
    if node.behind_proxy:
        listens["PROXIED"], advertised["PROXIED"] = node.behind_proxy.target, node.behind_proxy.port
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": voters,
        "listeners": _addresses(listens),
        "advertised.listeners": _addresses(advertised),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listens),
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        **shared_settings(len(nodes)),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _addresses(ports: Mapping[str, int]) -> str:
    return ",".join(f"{name}://{LOOPBACK}:{port}" for name, port in ports.items())


def shared_settings(brokers: int) -> dict[str, object]:
    """Return the settings of every launched broker, embedded or in a container.

    ``brokers`` is their number.
    """
    replicas = min(3, brokers)
    in_sync = max(1, replicas - 1)
    return {
        # By default Kafka's own topics have 3 replicas, possibly more than brokers, and 50
        # partitions, which are slow to create.
        "offsets.topic.replication.factor": replicas,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
        "share.coordinator.state.topic.num.partitions": 1,
        "default.replication.factor": replicas,
        "min.insync.replicas": in_sync,
        # A mistyped topic name must be an error, not a new empty topic.
        "auto.create.topics.enable": "false",
        # By default the first consumer of a group waits 3 s for others that may join.
        "group.initial.rebalance.delay.ms": 0,
        # Flink's sink requests an hour by default, and Kafka's default limit is 15 minutes.
        "transaction.max.timeout.ms": 3_600_000,
        # A transaction that is open for longer than its time-out is aborted soon after, not up to
        # 10 s later.
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1000,
        # Until this time is over a killed broker counts as alive: others do not take over its
        # partitions, and it cannot register again.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # Tests write records with any timestamp, and Kafka deletes those that are a week old by
        # default.
        "log.retention.ms": -1,
        # The defaults suit servers: the log cleaner alone would take half of this heap.
        "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
        "log.index.size.max.bytes": 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
    }


def meta_properties(node: Node, cluster_id: str, directory_id: str) -> str:
    """Return the file with which ``StorageTool format`` marks a data directory."""
    settings = {"node.id": node.number, "directory.id": directory_id, "version": 1, "cluster.id": cluster_id}
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def java_command(
    java: Path, *, jars: Sequence[Path], main: str, arguments: Sequence[str], temporary: Path, flags: Sequence[str] = ()
) -> list[str]:
    """Return the command line of a Kafka program.

    It logs warnings and errors with their times on standard error.
    """
    return [
        str(java),
        *QUICK_START_FLAGS,
        f"-Xmx{HEAP_MIB}m",
        *flags,
        f"-Djava.io.tmpdir={temporary}",
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
        "-cp",
        ":".join(map(str, jars)),
        main,
        *arguments,
    ]
