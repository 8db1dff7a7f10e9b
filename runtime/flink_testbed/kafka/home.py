"""What a broker of our own needs on this machine: Java, Kafka's jars, and a formatted data directory to copy."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry
from flink_testbed.artifacts.jars import locked_jars, provide_jars
from flink_testbed.artifacts.java import JavaRuntime, provide_broker_java
from flink_testbed.artifacts.versions import FlinkLine
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.settings import (
    STORAGE_TOOL_CLASS,
    Node,
    java_command,
    meta_properties,
    new_id,
    server_properties,
)
from flink_testbed.ownership.process import clean_environment, run_guarded

_FORMAT_S = 120.0
_CHECKPOINT = "bootstrap.checkpoint"
_META = "meta.properties"


@dataclass(frozen=True, slots=True)
class KafkaHome:
    """Java and Kafka's class path. ``template`` is a data directory as Kafka's own tool has formatted it."""

    version: str
    java: JavaRuntime
    jars: tuple[Path, ...]
    template: Path

    def format(self, data: Path, node: Node, cluster_id: str) -> None:
        """Make a data directory: the template's, with ids of its own. A JVM for it alone would take longer than the broker."""
        data.mkdir(parents=True)
        shutil.copyfile(self.template / _CHECKPOINT, data / _CHECKPOINT)
        (data / _META).write_text(meta_properties(node, cluster_id, new_id()), encoding="utf-8")


def provide_kafka(line: FlinkLine, *, progress: Callable[[str], None]) -> KafkaHome:
    """Everything for a broker beside this line of Flink (whose Java is used, too); from the network at first only."""
    locked = locked_jars("kafka")
    java = provide_broker_java(line, progress=progress)
    jars = provide_jars(locked, progress=progress)

    def build(directory: Path) -> dict[str, Any]:
        progress(f"Kafka {locked.version}: formatting a data directory (once, about 2 s)")
        format_template(directory, java.java, jars)
        return {"version": locked.version}

    entry = provide_entry("kafka-formats", locked.key, build, needs_mib=1, progress=progress)
    return KafkaHome(locked.version, java, jars, entry.path)


def format_template(directory: Path, java: Path, jars: Sequence[Path]) -> None:
    """Let Kafka format ``directory`` for a broker, and see that it made what :meth:`KafkaHome.format` copies and replaces."""
    node = Node(0, 9092, 9093)
    properties = directory / "server.properties"
    properties.write_text(server_properties(node, [node], data=directory), encoding="utf-8")
    command = java_command(
        java,
        jars=jars,
        main=STORAGE_TOOL_CLASS,
        arguments=["format", "--cluster-id", new_id(), "--config", str(properties)],
        temporary=directory,
    )
    done = run_guarded(command, env=clean_environment(), cwd=directory, timeout_s=_FORMAT_S)
    properties.unlink()
    made = (directory / _META).read_text(encoding="utf-8") if (directory / _META).is_file() else ""
    names = {line.partition("=")[0] for line in made.splitlines() if not line.startswith("#")}
    ours = {line.partition("=")[0] for line in meta_properties(node, "", "").splitlines()}
    if done.returncode != 0 or names != ours or not (directory / _CHECKPOINT).is_file():
        raise HostError(
            Problem(
                "FA456",
                "Kafka cannot format a data directory",
                expected=f"{_CHECKPOINT}, and {_META} with {', '.join(sorted(ours))}",
                seen=f"exit code {done.returncode}; {', '.join(sorted(path.name for path in directory.iterdir()))}",
                next_step="the end of its output follows",
                detail=done.output[-2000:],
            )
        )
