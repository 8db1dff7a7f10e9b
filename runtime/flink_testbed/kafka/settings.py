"""The settings of a broker that we start. Pure: texts and lists, no I/O.

Facts on each setting: Kafka's own documentation of its broker configuration, and what a 4.1 broker was seen to do.
"""

from __future__ import annotations

import base64
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.artifacts.java import QUICK_START_FLAGS
from flink_testbed.core.ports import LOOPBACK

BROKER_CLASS = "kafka.Kafka"
STORAGE_TOOL_CLASS = "kafka.tools.StorageTool"
# Below a broker's directory: what goes with it. Settings and logs stay.
SCRATCH = ("data", "tmp", "archives")
HEAP_MIB = 256


@dataclass(frozen=True, slots=True)
class Node:
    """One broker, which is a controller too: its number, and its two ports on loopback."""

    number: int
    port: int
    controller_port: int


def new_id() -> str:
    """A random id as Kafka writes it: 16 bytes in URL-safe base64, never beginning with a dash."""
    return "F" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def server_properties(node: Node, nodes: Sequence[Node], *, data: Path) -> str:
    """The properties of one of ``nodes``, which keeps its logs in ``data``."""
    voters = ",".join(f"{each.number}@{LOOPBACK}:{each.controller_port}" for each in nodes)
    settings = {
        "process.roles": "broker,controller",
        "node.id": node.number,
        "controller.quorum.voters": voters,
        "listeners": f"CLIENTS://{LOOPBACK}:{node.port},CONTROLLER://{LOOPBACK}:{node.controller_port}",
        "advertised.listeners": f"CLIENTS://{LOOPBACK}:{node.port}",
        "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "CLIENTS",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": data,
        **shared_settings(len(nodes)),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def shared_settings(brokers: int) -> dict[str, object]:
    """What every broker of ours is set to, wherever it runs, one of so many."""
    replicas = min(3, brokers)
    in_sync = max(1, replicas - 1)
    return {
        # Kafka's own topics want 3 replicas and 50 partitions by default: more than there are brokers, and slow to make.
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
        # A wrong name is an error, and not a new topic that nobody writes to.
        "auto.create.topics.enable": "false",
        # A consumer's first group is not held back for others that may join.
        "group.initial.rebalance.delay.ms": 0,
        # Flink's sink asks for an hour unless it is told otherwise; Kafka allows a quarter of one by default.
        "transaction.max.timeout.ms": 3_600_000,
        # How long a killed broker counts as alive: so long others do not take over, and it cannot come back itself.
        "broker.session.timeout.ms": 3000,
        "broker.heartbeat.interval.ms": 500,
        # Records may have the time of anything, and stay whatever it is: by default Kafka would delete what is a week old.
        "log.retention.ms": -1,
        # What is sized for servers: half of the heap for the cleaner alone.
        "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
        "log.index.size.max.bytes": 1024 * 1024,
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 2,
    }


def meta_properties(node: Node, cluster_id: str, directory_id: str) -> str:
    """What ``StorageTool format`` writes into a broker's data directory to say whose it is."""
    settings = {"node.id": node.number, "directory.id": directory_id, "version": 1, "cluster.id": cluster_id}
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def java_command(
    java: Path, *, jars: Sequence[Path], main: str, arguments: Sequence[str], temporary: Path, flags: Sequence[str] = ()
) -> list[str]:
    """The command line of a Kafka program. It logs warnings and errors, with their times, on standard error."""
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
