"""The environment of a process of a job environment that uses Flink's client."""

from __future__ import annotations

from pathlib import Path

from flink_testbed.artifacts.java import QUICK_START_FLAGS
from flink_testbed.flink.jvm import MODULE_FLAGS


def client_variables(flink_home: Path, java_home: Path, conf: Path) -> dict[str, str]:
    """Return the variables, and write the configuration into the directory ``conf``, which is created."""
    conf.mkdir(parents=True, exist_ok=True)
    (conf / "config.yaml").write_text("{}\n", encoding="utf-8")
    (conf / "log4j2.properties").write_text("rootLogger.level = WARN\n", encoding="utf-8")
    return {
        "JAVA_HOME": str(java_home),
        "FLINK_HOME": str(flink_home),
        "FLINK_CONF_DIR": str(conf),
        "FLINK_LOG_DIR": str(conf),
        "LOG4J_PROPERTIES": str(conf / "log4j2.properties"),
        "JVM_ARGS": " ".join([*QUICK_START_FLAGS, *MODULE_FLAGS, "-Xmx256m"]),
        # PyFlink splits the other variable at every space; Java itself knows quotes.
        "JDK_JAVA_OPTIONS": f'"-Djava.io.tmpdir={conf}"',
        # Otherwise PyFlink opens a worker pool for local runs, on every interface.
        "_python_worker_execution_mode": "process",
    }
