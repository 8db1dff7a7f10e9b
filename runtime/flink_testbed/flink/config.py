"""The configuration of a Flink cluster that we start: JVM flags, Flink options, logging. Pure: texts and lists, no I/O."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flink_testbed.artifacts.java import QUICK_START_FLAGS
from flink_testbed.core.ports import LOOPBACK

_MIB = 1024 * 1024

# What Flink's own conf/config.yaml adds through its start scripts, which we do not run; without jdk.compiler's
# packages, which a JRE does not have and Flink needs only to be built.
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


@dataclass(frozen=True, slots=True)
class MemorySizes:
    """Memory of the cluster's JVMs, in MiB."""

    jobmanager_heap: int = 320
    task_heap: int = 384
    task_off_heap: int = 64
    managed: int = 128
    network: int = 64
    framework_heap: int = 64
    framework_off_heap: int = 64
    metaspace: int = 256
    overhead: int = 128

    def jobmanager_flags(self) -> list[str]:
        """The JobManager's heap and metaspace flags."""
        return [f"-Xmx{self.jobmanager_heap}m", "-Xms64m", f"-XX:MaxMetaspaceSize={self.metaspace}m"]

    def taskmanager_flags(self) -> list[str]:
        """The TaskManager's JVM flags, as Flink's start scripts would compute them from the options below."""
        direct = self.framework_off_heap + self.task_off_heap + self.network
        return [
            f"-Xmx{self.framework_heap + self.task_heap}m",
            "-Xms64m",
            f"-XX:MaxDirectMemorySize={direct}m",
            f"-XX:MaxMetaspaceSize={self.metaspace}m",
        ]

    def taskmanager_options(self) -> dict[str, str]:
        """The resolved memory options a TaskManager wants when it is started without the scripts."""
        sizes = {
            "task.heap.size": self.task_heap,
            "task.off-heap.size": self.task_off_heap,
            "managed.size": self.managed,
            "network.min": self.network,
            "network.max": self.network,
            "framework.heap.size": self.framework_heap,
            "framework.off-heap.size": self.framework_off_heap,
            "jvm-metaspace.size": self.metaspace,
            "jvm-overhead.min": self.overhead,
            "jvm-overhead.max": self.overhead,
        }
        return {f"taskmanager.memory.{name}": f"{size * _MIB}b" for name, size in sizes.items()}


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """What a cluster is asked to be. Equal configurations may share a cluster.

    ``classes`` are jars that every JVM has besides Flink's own, ``java_flags`` what its command line has besides ours.
    ``state_backend`` is ``hashmap`` or ``rocksdb``. ``checkpoints`` and ``savepoints`` default to directories of the
    cluster's own. With ``high_availability`` a ZooKeeper runs beside the cluster, and jobs outlive the JobManager.
    """

    taskmanagers: int = 1
    slots: int = 4
    memory: MemorySizes = MemorySizes()
    state_backend: str = "hashmap"
    checkpoints: Path | None = None
    savepoints: Path | None = None
    high_availability: bool = False
    flink_options: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[Path, ...] = ()
    java_flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the cluster's processes find each other: names, the addresses they bind, ports known beforehand.

    ``zookeeper_port`` is 0 where there is none; ``taskmanager`` is empty where each has a name of its own.
    """

    rest_port: int
    rpc_port: int
    zookeeper_port: int = 0
    jobmanager: str = LOOPBACK
    taskmanager: str = LOOPBACK
    zookeeper: str = LOOPBACK
    bind: str = LOOPBACK


def flink_options(config: ClusterConfig, addresses: Addresses, *, directory: Path, python: Path) -> dict[str, str]:
    """Every Flink option of the cluster.

    The registration delays are short, since otherwise a TaskManager that comes up before the JobManager waits ten
    seconds until its second try.
    """
    checkpoints = config.checkpoints or directory / "checkpoints"
    savepoints = config.savepoints or directory / "savepoints"
    options = {
        "jobmanager.rpc.address": addresses.jobmanager,
        "jobmanager.rpc.port": str(addresses.rpc_port),
        "jobmanager.bind-host": addresses.bind,
        "rest.address": addresses.jobmanager,
        "rest.bind-address": addresses.bind,
        "rest.port": str(addresses.rest_port),
        "rest.bind-port": str(addresses.rest_port),
        "taskmanager.bind-host": addresses.bind,
        "taskmanager.rpc.port": "0",
        "taskmanager.data.port": "0",
        "blob.server.port": "0",
        "metrics.internal.query-service.port": "0",
        "taskmanager.numberOfTaskSlots": str(config.slots),
        "taskmanager.cpu.cores": "2.0",
        "cluster.registration.initial-timeout": "100ms",
        "cluster.registration.max-timeout": "1s",
        "cluster.registration.error-delay": "50ms",
        "cluster.registration.refused-registration-delay": "100ms",
        # As long as a cluster may live: past this time a job does not wait for a TaskManager that is on its way, it fails.
        "resourcemanager.standalone.start-up-time": "24h",
        "jobmanager.scheduler": "Default",
        "jobmanager.execution.failover-strategy": "region",
        "parallelism.default": "1",
        "io.tmp.dirs": str(directory / "tmp"),
        "web.tmpdir": str(directory / "web"),
        "web.upload.dir": str(directory / "upload"),
        "process.jobmanager.working-dir": str(directory / "work"),
        "process.taskmanager.working-dir": str(directory / "work"),
        "state.backend.type": config.state_backend,
        "execution.checkpointing.dir": checkpoints.absolute().as_uri(),
        "execution.checkpointing.savepoint-dir": savepoints.absolute().as_uri(),
        "heartbeat.interval": "2s",
        "heartbeat.timeout": "20s",
        "metrics.fetcher.update-interval": "1s",
        "web.refresh-interval": "1000",
        "rest.flamegraph.enabled": "false",
        # Without these two the second Python job of a TaskManager dies: pemja must be loaded once, by one class loader.
        "classloader.parent-first-patterns.additional": "pemja.",
        "classloader.check-leaked-classloader": "false",
        "python.executable": str(python),
        "python.client.executable": str(python),
    }
    options |= {"taskmanager.host": addresses.taskmanager} if addresses.taskmanager else {}
    options |= _recovery_options(addresses, directory) if config.high_availability else {}
    return options | config.memory.taskmanager_options() | dict(config.flink_options)


def reporter_arguments(port: int) -> list[str]:
    """The Prometheus reporter at a port, as arguments of a Flink process: each has a port of its own."""
    factory = "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
    options = {"factory.class": factory, "port": str(port)}
    return [part for name, value in options.items() for part in ("-D", f"metrics.reporter.prometheus.{name}={value}")]


def _recovery_options(addresses: Addresses, directory: Path) -> dict[str, str]:
    """A JobManager that was killed is missed after the session time, and the next one takes its jobs over."""
    return {
        "high-availability.type": "zookeeper",
        "high-availability.zookeeper.quorum": f"{addresses.zookeeper}:{addresses.zookeeper_port}",
        "high-availability.zookeeper.client.session-timeout": "4s",
        "high-availability.storageDir": (directory / "recovery").absolute().as_uri(),
        "high-availability.jobmanager.port": str(addresses.rpc_port),
    }


def zookeeper_settings(addresses: Addresses, directory: Path) -> str:
    """The configuration of the ZooKeeper that is part of flink-dist, alone and without its administration server."""
    return (
        f"dataDir={directory / 'zookeeper'}\nclientPort={addresses.zookeeper_port}\n"
        f"clientPortAddress={addresses.bind}\ntickTime=500\nmaxClientCnxns=0\nadmin.enableServer=false\n"
    )


def options_yaml(options: Mapping[str, str]) -> str:
    """The options as Flink's ``config.yaml``: flat keys, every value a quoted string."""
    return "".join(f"{json.dumps(key)}: {json.dumps(value)}\n" for key, value in sorted(options.items()))


LOGGING = """\
rootLogger.level = INFO
rootLogger.appenderRef.file.ref = File
appender.file.name = File
appender.file.type = RollingFile
appender.file.fileName = ${sys:log.file}
appender.file.filePattern = ${sys:log.file}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %-60c [%X{flink-job-id}] - %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 16MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 2
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
logger.netty.name = org.jboss.netty
logger.netty.level = ERROR
"""


def java_environment(flink_home: Path, directory: Path) -> dict[str, str]:
    """The variables by which Flink's JVMs find their parts, as its start scripts would set them."""
    return {
        "FLINK_CONF_DIR": str(directory / "conf"),
        "FLINK_LIB_DIR": str(flink_home / "lib"),
        "FLINK_OPT_DIR": str(flink_home / "opt"),
        # PyFlink's process-mode workers are found through these two.
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
    """The command line of one of the cluster's JVMs."""
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
