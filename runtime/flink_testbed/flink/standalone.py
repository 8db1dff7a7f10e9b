"""An embedded Flink: JVMs started from a job environment's apache-flink packages.

No Docker, no root, and none of Flink's start scripts, each of which starts further JVMs to parse
the configuration. All addresses are loopback, all files are below one directory, and a guard ends
every process if this one dies.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from flink_testbed.artifacts.class_archive import ClassArchive
from flink_testbed.artifacts.class_patch import provide_patched
from flink_testbed.artifacts.loopback import BEAM_SERVERS, PROMETHEUS_REPORTER
from flink_testbed.artifacts.python_timers import TIMERS_IN_CHECKPOINTS
from flink_testbed.core.ports import LOOPBACK, PortLease, lease_port
from flink_testbed.flink import jvm
from flink_testbed.flink.config import Addresses, ClusterConfig
from flink_testbed.flink.home import FlinkHome
from flink_testbed.flink.launched import SCRATCH, LaunchedCluster
from flink_testbed.flink.memory import MEMORY_NEEDED_MIB, require_memory
from flink_testbed.flink.rest import RestClient
from flink_testbed.flink.rest_keys import RestKeys
from flink_testbed.network import Passage
from flink_testbed.ownership.detached import Detachment
from flink_testbed.ownership.process import GuardedProcess, clean_environment

if TYPE_CHECKING:
    from flink_testbed.network import Proxy

# What the TaskManager's interpreter imports first.
_PYTHON_START = Path(__file__).with_name("python_start")
# The directory of the reporter's plugin.
_REPORTER = "metrics-prometheus"


class StandaloneCluster(LaunchedCluster):
    """One cluster of processes, from :meth:`start` to :meth:`close`.

    ``ports`` is the machine-wide directory of port leases. ``archives`` is the directory of class
    archives, which make JVMs start faster; None to start without.
    """

    def __init__(
        self,
        home: FlinkHome,
        config: ClusterConfig,
        *,
        directory: Path,
        ports: Path,
        archives: Path | None,
        startup_timeout_s: float,
        environment: Mapping[str, str],
        progress: Callable[[str], None],
        run_id: str = "unnamed",
    ) -> None:
        super().__init__(
            config,
            flink_version=home.flink_version,
            run_id=run_id,
            directory=directory,
            startup_timeout_s=startup_timeout_s,
            progress=progress,
        )
        self.home = home
        self._ports = ports
        python_jars = sorted((home.flink_home / "opt").glob("flink-python-*.jar"))
        reporter_jars = sorted((home.flink_home / "plugins" / _REPORTER).glob("*.jar"))
        patches = (BEAM_SERVERS, TIMERS_IN_CHECKPOINTS)
        python_classes = [provide_patched(jar, patch, progress=progress) for jar in python_jars for patch in patches]
        reporters = [provide_patched(jar, PROMETHEUS_REPORTER, progress=progress) for jar in reporter_jars]
        # Uncorrected, the reporter listens on all interfaces: then it stays off.
        self._reports = bool(reporters) and None not in reporters
        self._classes = [
            *filter(None, [*python_classes, *reporters]),
            *sorted((home.flink_home / "lib").glob("*.jar")),
            *python_jars,
            # On the class path the corrected class comes first. As a plugin Flink would load the
            # original, so _link_plugins leaves it out.
            *reporter_jars,
            *config.classes,
        ]
        self._archives = archives
        self._archive: ClassArchive | None = None
        self._environment = environment
        self._leases: list[PortLease] = []
        self._rpc_proxy: Proxy | None = None
        self._guarded: dict[str, GuardedProcess] = {}

    @property
    def _python(self) -> Path:
        return self.home.python

    def start(self) -> None:
        """Start all processes and wait until every slot is registered.

        After an error nothing is left.
        """
        require_memory(MEMORY_NEEDED_MIB)
        self._archive = self._provide_archive()
        count = self.config.taskmanagers
        self._progress(f"Flink {self.flink_version}: starting 1 JobManager, {count} TaskManager (about 3 s)")
        super().start()

    def _provide_archive(self) -> ClassArchive | None:
        """Return the archive for this class path, writing it if needed.

        None if it cannot be written.
        """
        archive = self._open_archive()
        if archive and archive.recording:
            self._progress("Flink: writing class archives, so that every start is faster (once, about 8 s)")
            ArchiveRecorder(
                self.home,
                # With the classes of TLS, which take a third of a second otherwise.
                ClusterConfig(classes=self.config.classes, rest_auth=bool(shutil.which("openssl"))),
                directory=self._recorder,
                ports=self._ports,
                archives=None,
                startup_timeout_s=self._startup_timeout_s,
                environment=self._environment,
                progress=lambda line: None,
                run_id=self.run_id,
            ).record(archive)
            archive = self._open_archive()
        return archive if archive and not archive.recording else None

    @property
    def _recorder(self) -> Path:
        return self.directory / "recorder"

    def _open_archive(self) -> ClassArchive | None:
        if not self._archives:
            return None
        roles, draft = ("jobmanager", "taskmanager"), self._recorder / "archives"
        return ClassArchive(
            self._archives, draft, roles=roles, classes=self._classes, java_version=self.home.java_version
        )

    def _prepare(self) -> tuple[Addresses, RestClient]:
        addresses = Addresses(
            rest_port=self._lease(),
            rpc_port=self._lease(),
            zookeeper_port=self._lease() if self.config.high_availability else 0,
            rpc_bind_port=self._lease() if self.config.rpc_proxy else 0,
        )
        if addresses.rpc_bind_port:
            from flink_testbed.network import Proxy

            self._rpc_proxy = Proxy([Passage(addresses.rpc_bind_port, addresses.rpc_port)])
        self._link_plugins()
        address = f"{LOOPBACK}:{addresses.rest_port}"
        if not self.config.rest_auth:
            return addresses, RestClient(f"http://{address}")
        keys = RestKeys.make(self.directory)
        self._own_options = self.client_options = keys.options()
        return addresses, RestClient(f"https://{address}", access=keys.access(f"https://{address}"))

    def _lease(self) -> int:
        self._leases.append(lease_port(self._ports))
        return self._leases[-1].port

    @property
    def rpc_proxy(self) -> Proxy | None:
        """The proxy between TaskManagers and JobManager, if the configuration has one."""
        return self._rpc_proxy

    def _link_plugins(self) -> None:
        for plugin in (self.home.flink_home / "plugins").iterdir():
            if plugin.is_dir() and plugin.name != _REPORTER:
                (self.directory / "plugins" / plugin.name).symlink_to(plugin.absolute())

    def _launch(self, name: str, main: str, flags: Sequence[str], arguments: Sequence[str]) -> GuardedProcess:
        role = name.partition("-")[0]
        archive_flags = self._archive.flags(role) if self._archive else []
        process = GuardedProcess(
            jvm.java_command(
                self.home.java,
                classes=self._classes,
                main=main,
                arguments=arguments,
                # Killed programs do not delete their temporary files: here they go with the
                # directory.
                flags=[*flags, *self.config.java_flags, *archive_flags, f"-Djava.io.tmpdir={self.directory / 'tmp'}"],
                config_dir=self.directory / "conf",
                log=self.directory / "log" / f"{name}.log",
            ),
            name=f"Flink {name}",
            log=self.directory / "log" / f"{name}.out",
            cwd=self.directory,
            env=clean_environment(
                **self._environment,
                PYTHONPATH=os.pathsep.join(map(str, (_PYTHON_START, *self.home.python_path))),
                **jvm.java_environment(self.home.flink_home, self.directory),
                FLINK_PLUGINS_DIR=str(self.directory / "plugins"),
            ),
        )
        self._guarded[name] = process
        return process

    def _report(self, name: str) -> list[str]:
        if not self._reports:
            return []
        leases = self.processes.reporters
        if name not in leases:
            leases[name] = lease_port(self._ports)
        return jvm.reporter_arguments(leases[name].port)

    def _alive(self) -> list[GuardedProcess]:
        return [self._guarded[name] for name in tuple(self.processes.members)]

    def summary(self) -> str:
        """Describe the cluster and its memory in one line for the report."""
        return f"{super().summary()}, {self.resident_bytes() // (1024 * 1024)} MiB resident at the end"

    def resident_bytes(self) -> int:
        """Return the resident memory of all processes, guards and Python workers included."""
        return sum(process.resident_bytes() for process in self._alive())

    def processor_seconds(self) -> float:
        """Return the CPU time of all processes and their ended children."""
        return sum(sum(member.cpu_times()[:4]) for process in self._alive() for member in process.tree())

    def listening(self) -> list[tuple[str, int]]:
        """Return address and port of every listening socket of the cluster's processes."""
        found = []
        for process in self._alive():
            for member in process.tree():
                # The process may have ended since the tree was read.
                with contextlib.suppress(psutil.NoSuchProcess):
                    connections = member.net_connections(kind="inet")
                    found += [(c.laddr.ip, c.laddr.port) for c in connections if c.status == psutil.CONN_LISTEN]
        return found

    def detach(self) -> Detachment:
        """Let the cluster outlive this process.

        The pipes to its guards pass to the caller.
        """
        pipes = [process.detach() for process in self._alive()]
        self.processes.detach()
        self._leases = []
        self.rest.close()
        return Detachment("Flink", self.flink_version, self.rest_url, self.directory, SCRATCH, pipes)

    def _release(self) -> None:
        if self._rpc_proxy:
            self._rpc_proxy.close()
        for lease in self._leases:
            lease.release()
        self._leases = []


class ArchiveRecorder(StandaloneCluster):
    """A cluster that is started only to write class archives.

    It never runs a job. The JVM also archives classes of other class loaders, and for those
    ``Class.getDeclaredClasses`` returned null (seen with Java 21.0.8): with the archive of a
    cluster that had run a table program, every later table program failed. Archiving the classes
    that jobs load did not make later jobs measurably faster either.
    """

    _recorded: ClassArchive | None = None

    def _provide_archive(self) -> ClassArchive | None:
        return self._recorded

    def record(self, archive: ClassArchive) -> None:
        """Start the cluster, end its JVMs and publish their archives.

        The cluster's files are removed, unless this fails.
        """
        self._recorded = archive
        self.start()
        try:
            for process in reversed(self._alive()):
                process.stop(grace_s=20)
            archive.publish()
        finally:
            self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)
