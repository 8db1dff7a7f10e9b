"""Configuration of a launched Flink cluster: memory, Flink options, logging.

Pure functions from values to strings and lists; nothing here does I/O.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flink_testbed.core.ports import LOOPBACK
from flink_testbed.flink.options import PARENT_FIRST

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class MemorySizes:
    """Memory of the cluster's JVMs in MiB."""

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
        """Return the JobManager's heap and metaspace flags."""
        return [f"-Xmx{self.jobmanager_heap}m", "-Xms64m", f"-XX:MaxMetaspaceSize={self.metaspace}m"]

    def taskmanager_flags(self) -> list[str]:
        """Return the TaskManager's JVM flags.

        They are those that Flink's start scripts compute from the options below.
        """
        direct = self.framework_off_heap + self.task_off_heap + self.network
        return [
            f"-Xmx{self.framework_heap + self.task_heap}m",
            "-Xms64m",
            f"-XX:MaxDirectMemorySize={direct}m",
            f"-XX:MaxMetaspaceSize={self.metaspace}m",
        ]

    def taskmanager_options(self) -> dict[str, str]:
        """Return the TaskManager's memory options.

        Flink's start scripts compute them otherwise; without, a TaskManager does not start.
        """
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
    """The configuration of a cluster; equal configurations may share one.

    ``classes`` are jars on the class path of every JVM in addition to Flink's own, ``java_flags``
    are additional JVM flags. ``state_backend`` is ``hashmap`` or ``rocksdb``. ``checkpoints`` and
    ``savepoints`` default to subdirectories of the cluster's directory. With ``high_availability``
    a ZooKeeper is started too, and jobs survive the loss of the JobManager. With ``rest_auth`` only
    this user can use the REST API, see :mod:`rest_keys`; with ``rpc_proxy`` the TaskManagers reach the
    JobManager through a proxy, ``FlinkCluster.rpc_proxy``. Clusters of containers have neither.
    """

    taskmanagers: int = 1
    slots: int = 4
    memory: MemorySizes = MemorySizes()
    state_backend: str = "hashmap"
    checkpoints: Path | None = None
    savepoints: Path | None = None
    high_availability: bool = False
    rest_auth: bool = False
    rpc_proxy: bool = False
    flink_options: Mapping[str, str] = field(default_factory=dict)
    classes: tuple[Path, ...] = ()
    java_flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Addresses:
    """Host names, bind address and fixed ports of a cluster's processes.

    ``zookeeper_port`` is 0 without ZooKeeper. The JobManager listens on ``rpc_bind_port``, on
    ``rpc_port`` itself if that is 0. ``taskmanager`` is empty if each TaskManager has its
    own host name, as in containers.
    """

    rest_port: int
    rpc_port: int
    zookeeper_port: int = 0
    jobmanager: str = LOOPBACK
    taskmanager: str = LOOPBACK
    zookeeper: str = LOOPBACK
    bind: str = LOOPBACK
    rpc_bind_port: int = 0


def flink_options(config: ClusterConfig, addresses: Addresses, *, directory: Path, python: Path) -> dict[str, str]:
    """Return every Flink option of the cluster.

    The registration delays are short: with Flink's defaults, a TaskManager that starts before the
    JobManager waits ten seconds before its second attempt.
    """
    checkpoints = config.checkpoints or directory / "checkpoints"
    savepoints = config.savepoints or directory / "savepoints"
    options = {
        **_address_options(addresses),
        "taskmanager.numberOfTaskSlots": str(config.slots),
        "taskmanager.cpu.cores": "2.0",
        "cluster.registration.initial-timeout": "100ms",
        "cluster.registration.max-timeout": "1s",
        "cluster.registration.error-delay": "50ms",
        "cluster.registration.refused-registration-delay": "100ms",
        # After this time, counted from the cluster's start, a job without slots fails instead of
        # waiting for a TaskManager that is about to register. So it must exceed the life of any
        # cluster.
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
        "execution.checkpointing.dir": address_of(checkpoints),
        "execution.checkpointing.savepoint-dir": address_of(savepoints),
        "heartbeat.interval": "2s",
        "heartbeat.timeout": "20s",
        "metrics.fetcher.update-interval": "1s",
        "web.refresh-interval": "1000",
        "rest.flamegraph.enabled": "false",
        # pemja's native library can be loaded by one class loader only: without these two options
        # the second Python job of a TaskManager fails.
        PARENT_FIRST: "pemja.",
        "classloader.check-leaked-classloader": "false",
        "python.executable": str(python),
        "python.client.executable": str(python),
    }
    options |= _recovery_options(addresses, directory) if config.high_availability else {}
    return options | config.memory.taskmanager_options() | dict(config.flink_options)


def address_of(path: Path) -> str:
    """Return a path as Flink reads it in its options: with a scheme, and without percent signs, which it decodes nowhere."""
    return f"file://{path.absolute()}"


def _address_options(addresses: Addresses) -> dict[str, str]:
    """Return the options of addresses and ports; 0 is a free port."""
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
    }
    options |= {"taskmanager.host": addresses.taskmanager} if addresses.taskmanager else {}
    return options | ({"jobmanager.rpc.bind-port": str(addresses.rpc_bind_port)} if addresses.rpc_bind_port else {})


def _recovery_options(addresses: Addresses, directory: Path) -> dict[str, str]:
    """Return the options of high availability.

    After the session timeout ZooKeeper drops a killed JobManager, and the next one recovers its
    jobs.
    """
    return {
        "high-availability.type": "zookeeper",
        "high-availability.zookeeper.quorum": f"{addresses.zookeeper}:{addresses.zookeeper_port}",
        "high-availability.zookeeper.client.session-timeout": "4s",
        "high-availability.storageDir": address_of(directory / "recovery"),
        "high-availability.jobmanager.port": str(addresses.rpc_port),
    }


def zookeeper_settings(addresses: Addresses, directory: Path) -> str:
    """Return the configuration of a single ZooKeeper without its admin server.

    The ZooKeeper is the one inside flink-dist.
    """
    return (
        f"dataDir={directory / 'zookeeper'}\nclientPort={addresses.zookeeper_port}\n"
        f"clientPortAddress={addresses.bind}\ntickTime=500\nmaxClientCnxns=0\nadmin.enableServer=false\n"
    )


def options_yaml(options: Mapping[str, str]) -> str:
    """Return the options as the text of Flink's ``config.yaml``.

    Keys are flat, and every value is a quoted string.
    """
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
