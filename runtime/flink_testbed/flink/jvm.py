"""The command lines and environment variables of a cluster's JVMs.

Pure functions from values to strings and lists; nothing here does I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flink_testbed.artifacts.java import QUICK_START_FLAGS

# The module flags of Flink's own conf/config.yaml, which its start scripts would read. Those of
# jdk.compiler are left out: a JRE does not have it, and Flink needs it only at build time.
_OPENED = (
    *("java.base/java." + name for name in ("lang", "net", "io", "nio", "lang.reflect", "text", "time", "util")),
    *("java.base/java.util." + name for name in ("concurrent", "concurrent.atomic", "concurrent.locks")),
    "java.base/sun.nio.ch",
)
_EXPORTED = ("java.rmi/sun.rmi.registry", "java.security.jgss/sun.security.krb5")
MODULE_FLAGS = tuple(
    [f"--add-opens={name}=ALL-UNNAMED" for name in _OPENED]
    + [f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTED]
)

JOBMANAGER_CLASS = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
ZOOKEEPER_CLASS = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.server.ZooKeeperServerMain"
TASKMANAGER_CLASS = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"


def java_environment(flink_home: Path, directory: Path) -> dict[str, str]:
    """Return the environment variables that Flink's start scripts would set."""
    return {
        "FLINK_CONF_DIR": str(directory / "conf"),
        "FLINK_LIB_DIR": str(flink_home / "lib"),
        "FLINK_OPT_DIR": str(flink_home / "opt"),
        # PyFlink starts its process-mode workers through these two.
        "FLINK_HOME": str(flink_home),
        "_PYTHON_WORKING_DIR": str(directory / "tmp"),
    }


def java_command(
    java: Path,
    *,
    classes: Sequence[Path],
    main: str,
    arguments: Sequence[str],
    flags: Sequence[str],
    config_dir: Path,
    log: Path,
) -> list[str]:
    """Return the command line of one of the cluster's JVMs."""
    return [
        str(java),
        *flags,
        *QUICK_START_FLAGS,
        *MODULE_FLAGS,
        f"-Dlog.file={log}",
        f"-Dlog4j.configurationFile={config_dir / 'log4j2.properties'}",
        "-cp",
        ":".join(map(str, classes)),
        main,
        *arguments,
    ]


def reporter_arguments(port: int) -> list[str]:
    """Return the arguments that turn on a process's Prometheus reporter."""
    factory = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
    options = {"factory.class": factory, "port": str(port)}
    return [part for name, value in options.items() for part in ("-D", f"metrics.reporter.prometheus.{name}={value}")]
