"""Java, Kafka's jars and a formatted data directory for embedded brokers."""

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
from flink_testbed.ownership.command import run_guarded
from flink_testbed.ownership.process import clean_environment

_FORMAT_S = 120.0
_CHECKPOINT = "bootstrap.checkpoint"
_META = "meta.properties"


@dataclass(frozen=True, slots=True)
class KafkaHome:
    """Java, Kafka's class path and a data directory.

    ``template`` is a data directory that Kafka's own tool has formatted.
    """

    version: str
    java: JavaRuntime
    jars: tuple[Path, ...]
    template: Path

    def format(self, data: Path, node: Node, cluster_id: str) -> None:
        """Copy the template to a data directory, with new ids.

        Kafka's tool would need a JVM for this, which takes longer than the start of the broker.
        """
        data.mkdir(parents=True)
        shutil.copyfile(self.template / _CHECKPOINT, data / _CHECKPOINT)
        (data / _META).write_text(meta_properties(node, cluster_id, new_id()), encoding="utf-8")


def provide_kafka(line: FlinkLine, *, progress: Callable[[str], None]) -> KafkaHome:
    """Return the files of a broker, downloaded the first time only.

    The broker uses the Java of this line of Flink.
    """
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
    """Format ``directory`` with Kafka's own tool, and check the result.

    Raises :class:`HostError` FA456 if the files are not those that :meth:`KafkaHome.format`
    expects: a Kafka version with another format would then run on a broken data directory.
    """
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
                expected=f"the files {_CHECKPOINT} and {_META}, the latter with {', '.join(sorted(ours))}",
                seen=f"exit code {done.returncode}; {', '.join(sorted(path.name for path in directory.iterdir()))}",
                next_step="read the end of its output below",
                detail=done.output[-2000:],
            )
        )
