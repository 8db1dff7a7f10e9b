"""Entry point of a Kafka container.

Variables are named as in apache/kafka: ``KAFKA_LOG_DIRS`` sets ``log.dirs``. The prefix is dropped,
the rest is lower case, and ``_`` stands for a dot, ``__`` for ``_``, ``___`` for ``-``.
``KAFKA_HEAP_OPTS`` and ``KAFKA_OPTS`` are JVM flags; ``CLUSTER_ID`` is the id of the cluster.
"""

import os
import subprocess
from pathlib import Path

FLAGS = ("KAFKA_HEAP_OPTS", "KAFKA_OPTS")
HOME = Path("/opt/kafka")
SETTINGS = Path("/tmp/server.properties")  # noqa: S108  inside the container


def property_of(variable: str) -> str:
    """Return the name of the property that a variable sets."""
    name = variable.removeprefix("KAFKA_").lower()
    return name.replace("___", "\0").replace("__", "\1").replace("_", ".").replace("\1", "_").replace("\0", "-")


def main() -> None:
    """Write the settings, format a new data directory, and become the broker."""
    settings = {
        property_of(name): value
        for name, value in os.environ.items()
        if name.startswith("KAFKA_") and name not in FLAGS
    }
    SETTINGS.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    flags = [flag for name in FLAGS for flag in os.environ.get(name, "").split()]
    jars = ":".join(sorted(str(path) for path in (HOME / "libs").glob("*.jar")))
    java = str(HOME / "java" / "bin" / "java")
    quiet = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]
    command = [java, *flags, *quiet, "-cp", jars]
    cluster = os.environ["CLUSTER_ID"]
    tool = [*command, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
    subprocess.run([*tool, "--cluster-id", cluster, "--config", str(SETTINGS)], check=True)
    os.execv(java, [*command, "kafka.Kafka", str(SETTINGS)])  # noqa: S606


if __name__ == "__main__":
    main()
