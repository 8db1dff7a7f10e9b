"""A Flink cluster of containers.

Programs and options are those of the embedded cluster, each process in a container of its own.

The containers share a network, on which each is reachable under its name. REST and the Prometheus
reporters are published on this machine's loopback. The run's files and the import roots of jobs are
mounted at the same paths as on this machine.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from flink_testbed.containers import relay
from flink_testbed.containers.owned import OwnedContainer, OwnedContainers
from flink_testbed.containers.relay import PortRelay
from flink_testbed.containers.spec import ContainerSpec, Shared
from flink_testbed.core.ports import LOOPBACK, PortLease, lease_port
from flink_testbed.core.problem import HostError
from flink_testbed.flink import jvm
from flink_testbed.flink.config import Addresses, ClusterConfig
from flink_testbed.flink.image import FlinkImage
from flink_testbed.flink.launched import SCRATCH, LaunchedCluster
from flink_testbed.flink.memory import MEMORY_NEEDED_MIB, require_memory
from flink_testbed.flink.processes import JOBMANAGER, ZOOKEEPER
from flink_testbed.flink.rest import RestClient
from flink_testbed.ownership.detached import Detachment

_REST_PORT, _RPC_PORT, _ZOOKEEPER_PORT, _REPORTER_PORT = 8081, 6123, 2181, 9249
# In addition to the JVM's configured sizes: its native memory, and the Python workers of a
# TaskManager with all modules that they load.
_JOBMANAGER_EXTRA_MIB, _TASKMANAGER_EXTRA_MIB, _ZOOKEEPER_MIB = 384, 2048, 256
_PROCESSES = 4096
# Only within the cluster's own network: published ports are bound to this machine's loopback.
_EVERYWHERE = "0.0.0.0"  # noqa: S104
_SOCKETS = "/run/flink-agents"
_RELAY_S = 20.0


class ContainerCluster(LaunchedCluster):
    """One cluster of containers, from :meth:`start` to :meth:`close`.

    ``roots`` are the import roots of the Python workers in order of precedence. ``shared`` is the
    directory with all files of the run, ``directory`` included. ``ports`` is the machine-wide
    directory of port leases.
    """

    def __init__(
        self,
        owned: OwnedContainers,
        image: FlinkImage,
        config: ClusterConfig,
        *,
        directory: Path,
        shared: Path,
        roots: Sequence[Path],
        ports: Path,
        startup_timeout_s: float,
        progress: Callable[[str], None],
        run_id: str = "unnamed",
    ) -> None:
        super().__init__(
            config,
            flink_version=image.flink_version,
            run_id=run_id,
            directory=directory.absolute(),
            startup_timeout_s=startup_timeout_s,
            progress=progress,
        )
        self.image = image
        self.worker_python = image.python
        self._owned = owned
        self._shares = shares_of(
            config, shared.absolute(), [root.absolute() for root in roots], Path(image.site_packages)
        )
        self._roots = tuple(roots)
        self._ports = ports
        self._lease: PortLease | None = None
        self._name = secrets.token_hex(3)
        self._relay: PortRelay | None = None
        self._containers: dict[str, OwnedContainer] = {}
        self._sockets = owned.sockets / self._name

    @property
    def _python(self) -> Path:
        return Path(self.image.python)

    def start(self) -> None:
        """Start all containers and wait until every slot is registered.

        After an error nothing is left.
        """
        count = self.config.taskmanagers
        self._progress(
            f"Flink {self.flink_version}: starting 1 JobManager, {count} TaskManager in containers (about 8 s)"
        )
        require_memory(MEMORY_NEEDED_MIB)
        super().start()

    def _prepare(self) -> tuple[Addresses, RestClient]:
        self._sockets.mkdir()
        self._relay = PortRelay(self._sockets)
        self.network = self._owned.make_network(self._name)
        self._lease = lease_port(self._ports)
        zookeeper_port = _ZOOKEEPER_PORT if self.config.high_availability else 0
        addresses = Addresses(
            _REST_PORT, _RPC_PORT, zookeeper_port, JOBMANAGER, taskmanager="", zookeeper=ZOOKEEPER, bind=_EVERYWHERE
        )
        return addresses, RestClient(f"http://{LOOPBACK}:{self._lease.port}")

    def _launch(self, name: str, main: str, flags: Sequence[str], arguments: Sequence[str]) -> OwnedContainer:
        assert self._lease is not None, "the cluster is prepared"
        command = jvm.java_command(
            Path(self.image.java),
            classes=[*map(Path, self.image.classes), *self.config.classes],
            main=main,
            arguments=arguments,
            flags=[*flags, *self.config.java_flags, f"-Djava.io.tmpdir={self.directory / 'tmp'}"],
            config_dir=self.directory / "conf",
            log=self.directory / "log" / f"{name}.log",
        )
        spec = ContainerSpec(
            name,
            self.image.reference,
            tuple(command),
            self._owned.engine.user,
            self._memory_mib(name),
            _PROCESSES,
            network=self.network,
            environment={
                "PYTHONPATH": os.pathsep.join([*map(str, self._roots), self.image.site_packages]),
                "HOME": "/tmp",  # noqa: S108  the container's own
                **jvm.java_environment(Path(self.image.flink_home), self.directory),
                "FLINK_PLUGINS_DIR": str(Path(self.image.flink_home) / "plugins"),
            },
            shared=(*self._shares, Shared(self._sockets, writable=True, at=_SOCKETS)),
            published=self._published(name),
            directory=str(self.directory),
        )
        # Unique among the owner's containers: a JobManager that replaces a killed one needs a name
        # of its own.
        part = f"{self._name}-{name}-{secrets.token_hex(2)}"
        # Ready files of an earlier container of this name would make let_reach return too early.
        for ready in self._sockets.glob(f"*.{name}"):
            ready.unlink()
        log = self.directory / "log" / f"{part}.out"
        container = OwnedContainer(self._owned.start(spec, part), name, log=log)
        # A container that has already ended is reported with its log by the next require_alive().
        with contextlib.suppress(HostError):
            container.execute(
                [self.image.python, "-c", Path(relay.__file__).read_text(encoding="utf-8"), _SOCKETS, name]
            )
        self._containers[name] = container
        return container

    def _report(self, name: str) -> list[str]:
        if name not in self.processes.reporters:
            self.processes.reporters[name] = lease_port(self._ports)
        return jvm.reporter_arguments(_REPORTER_PORT)

    def _published(self, name: str) -> dict[int, int]:
        """Return the published ports, from container port to loopback port."""
        reporters = self.processes.reporters
        rest = {_REST_PORT: self._lease.port} if name == JOBMANAGER and self._lease else {}
        return rest | ({_REPORTER_PORT: reporters[name].port} if name in reporters else {})

    def _memory_mib(self, name: str) -> int:
        memory = self.config.memory
        if name == ZOOKEEPER:
            return _ZOOKEEPER_MIB
        if name == JOBMANAGER:
            return memory.jobmanager_heap + memory.metaspace + _JOBMANAGER_EXTRA_MIB
        sizes = (memory.framework_heap, memory.task_heap, memory.task_off_heap, memory.framework_off_heap)
        return (
            sum(sizes) + memory.managed + memory.network + memory.metaspace + memory.overhead + _TASKMANAGER_EXTRA_MIB
        )

    def let_reach(self, port: int) -> None:
        """Relay a port of this machine's loopback into every container.

        Containers that are started later get it too.
        """
        assert self._relay is not None, "the cluster is prepared"
        self._relay.open(port)

        def probe() -> tuple[bool | None, str]:
            self.require_alive()
            missing = [
                name
                for name in tuple(self.processes.members)
                if not relay.ready_file(self._sockets, port, name).exists()
            ]
            return (None if missing else True), f"not yet reachable in {', '.join(missing)}"

        self.wait(probe, what=f"port {port} of this machine to be reachable in containers", timeout_s=_RELAY_S)

    def detach(self) -> Detachment:
        """Let the cluster outlive this process.

        So does everything else that its owner has at the container engine.
        """
        containers = tuple(str(self._containers[name].container.name) for name in self.processes.members)
        self.processes.detach()
        self.network = ""
        self._release()
        self.rest.close()
        pipe, guard = self._owned.detach()
        version = f"{self.flink_version} in containers"
        return Detachment("Flink", version, self.rest_url, self.directory, SCRATCH, [pipe], containers, guard)

    def _release(self) -> None:
        if self._relay:
            self._relay.close()
            self._relay = None
        if self.network:
            self._owned.remove_network(self.network)
            self.network = ""
        if self._lease:
            self._lease.release()
            self._lease = None


def shares_of(config: ClusterConfig, run: Path, roots: Sequence[Path], packages: Path) -> tuple[Shared, ...]:
    """Return the mounts of a container, whose image has ``packages``: what is in them is not mounted.

    The run's files and the state directories are writable, everything else is read-only.

    A path inside a mounted directory is not mounted again, unless it must be writable and that is
    not.
    """
    places = [place.absolute() for place in (config.checkpoints, config.savepoints) if place]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    written = _outermost([run, *places])
    read = [path for path in _outermost([*roots, *config.classes]) if not _inside(path, [*written, packages])]
    return (*(Shared(path) for path in read), *(Shared(path, writable=True) for path in written))


def _outermost(paths: Sequence[Path]) -> list[Path]:
    distinct = list(dict.fromkeys(paths))
    return [path for path in distinct if not _inside(path, [other for other in distinct if other != path])]


def _inside(path: Path, directories: Sequence[Path]) -> bool:
    return any(path == directory or directory in path.parents for directory in directories)


def with_image_paths(config: ClusterConfig, site_packages: Path, image: FlinkImage) -> ClusterConfig:
    """Replace the paths of the environment's jars by those in the image."""

    def in_image(path: Path) -> Path:
        inside = path.is_relative_to(site_packages)
        return Path(image.site_packages) / path.relative_to(site_packages) if inside else path

    return replace(config, classes=tuple(map(in_image, config.classes)))
