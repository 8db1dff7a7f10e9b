"""Flink and Kafka as context managers, for programs and tests without pytest.

Each starts at ``with`` or :meth:`Service.start` and ends with the block or :meth:`Service.stop`. If the process is killed,
a guard ends everything that it had started.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, TypedDict, TypeVar

from typing_extensions import Unpack

from flink_testbed.artifacts.environments import EnvironmentRequest, JobEnvironment, provide_environment
from flink_testbed.artifacts.java import provide_java
from flink_testbed.artifacts.runtime_zip import provide_runtime_zip
from flink_testbed.artifacts.versions import FlinkRelease, resolve_flink
from flink_testbed.containers.engine import connect
from flink_testbed.containers.owned import OwnedContainers
from flink_testbed.core.directories import cache_root
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.containers import ContainerCluster, with_image_paths
from flink_testbed.flink.home import FlinkHome
from flink_testbed.flink.image import require_flink_image
from flink_testbed.flink.standalone import StandaloneCluster
from flink_testbed.kafka.container import ContainerKafka
from flink_testbed.kafka.embedded import EmbeddedKafka
from flink_testbed.kafka.home import provide_kafka
from flink_testbed.kafka.image import require_kafka_image
from flink_testbed.ownership.container_owner import this_owner
from flink_testbed.ownership.session_record import BROKERS, CLUSTER, SOCKETS, own_record

DEFAULT_FLINK = "2.2"
STARTUP_S = 60.0
Progress = Callable[[str], None]


class _Startable(Protocol):
    def start(self) -> None: ...

    def close(self) -> None: ...


T = TypeVar("T", bound=_Startable)


def _silent(line: str) -> None:
    """Print nothing."""


class Service(ABC, Generic[T]):
    """A service of this process, from :meth:`start` to :meth:`stop`.

    ``directory`` takes logs and data, and stays; by default it is a temporary one. ``progress`` gets one short line a step.
    """

    _kind = CLUSTER

    def __init__(self, directory: Path | None, startup_timeout_s: float, progress: Progress) -> None:
        self._directory = directory
        self._startup_timeout_s = startup_timeout_s
        self._progress = progress
        self._ended = contextlib.ExitStack()

    def start(self) -> T:
        """Start it and return its handle.

        Raises ``HostError``; after an error nothing is left.
        """
        with contextlib.ExitStack() as stack:
            run_id = secrets.token_hex(6)
            record = own_record(run_id)
            stack.callback(record.close)
            if self._directory:
                directory = self._directory.absolute()
                record.note(self._kind, str(directory))
            else:
                # To a sweep a directory of sockets is one that goes as a whole, and so does this.
                directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="flink-agents-")))
                record.note(SOCKETS, str(directory))
            service = self._make(run_id, directory, stack)
            service.start()
            stack.callback(service.close)
            self._ended = stack.pop_all()
        return service

    def stop(self) -> None:
        """End it; no effect if it does not run."""
        self._ended.close()

    def __enter__(self) -> T:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _make(self, run_id: str, directory: Path, stack: contextlib.ExitStack) -> T:
        """Return the service, not started yet; ``stack`` ends what it needs besides."""


def _owned_containers(run_id: str, stack: contextlib.ExitStack) -> OwnedContainers:
    owned = OwnedContainers(connect(), this_owner(run_id))
    stack.callback(owned.close)
    own_record(run_id).note(SOCKETS, str(owned.sockets))
    return owned


class FlinkOptions(TypedDict, total=False):
    """The options of both kinds of Flink.

    ``flink_agents`` is a release or a path. Job code is imported from ``import_roots`` and from ``requirements``, which are
    installed beside Flink.
    """

    config: ClusterConfig
    flink_agents: str
    requirements: Sequence[str]
    import_roots: Sequence[Path]
    directory: Path | None
    startup_timeout_s: float
    progress: Progress


class _Flink(Service[T]):
    """A Flink cluster with a job environment of its own."""

    def __init__(self, version: str = DEFAULT_FLINK, **options: Unpack[FlinkOptions]) -> None:
        super().__init__(
            options.get("directory"),
            options.get("startup_timeout_s", STARTUP_S),
            options.get("progress", _silent),
        )
        flink_agents = options.get("flink_agents", "")
        self._release: FlinkRelease = resolve_flink(version, flink_agents)
        self._config = options.get("config", ClusterConfig())
        self._request = EnvironmentRequest(self._release, flink_agents, tuple(options.get("requirements", ())))
        self._roots = tuple(options.get("import_roots", ()))

    def _environment(self) -> JobEnvironment:
        return provide_environment(self._request, progress=self._progress)

    def _import_roots(self) -> tuple[Path, ...]:
        return (provide_runtime_zip(), *(root.absolute() for root in self._roots))


class EmbeddedFlink(_Flink[StandaloneCluster]):
    """A Flink of processes on this machine, without Docker, root or a system Java.

    ``version`` is that of Flink, such as ``2.2`` or ``2.2.1``. Yields a ``StandaloneCluster``.
    """

    def _make(self, run_id: str, directory: Path, stack: contextlib.ExitStack) -> StandaloneCluster:
        environment = self._environment()
        java = provide_java(self._release.line, progress=self._progress)
        home = FlinkHome(
            environment.flink_home,
            environment.flink_version,
            java.java,
            java.version,
            environment.python,
            (*self._import_roots(), environment.site_packages),
        )
        return StandaloneCluster(
            home,
            self._config,
            run_id=run_id,
            directory=directory,
            ports=cache_root() / "ports",
            archives=cache_root() / "class-archives",
            startup_timeout_s=self._startup_timeout_s,
            environment={},
            progress=self._progress,
        )


class FlinkContainers(_Flink[ContainerCluster]):
    """A Flink of containers: one JobManager, and the TaskManagers of ``config``.

    Without ``image`` one is built from the job environment on ``base_image``.
    Yields a ``ContainerCluster``, whose ``network`` other containers can join.
    """

    def __init__(
        self, version: str = DEFAULT_FLINK, *, image: str = "", base_image: str = "", **options: Unpack[FlinkOptions]
    ) -> None:
        super().__init__(version, **options)
        self._image = image
        self._base_image = base_image

    def _make(self, run_id: str, directory: Path, stack: contextlib.ExitStack) -> ContainerCluster:
        environment = self._environment()
        owned = _owned_containers(run_id, stack)
        image = require_flink_image(
            owned, environment, self._release, image=self._image, base=self._base_image, progress=self._progress
        )
        return ContainerCluster(
            owned,
            image,
            with_image_paths(self._config, environment.site_packages, image),
            run_id=run_id,
            directory=directory,
            shared=directory,
            roots=self._import_roots(),
            ports=cache_root() / "ports",
            startup_timeout_s=self._startup_timeout_s,
            progress=self._progress,
        )


class EmbeddedBroker(Service[EmbeddedKafka]):
    """A Kafka of one or more processes on this machine; yields an ``EmbeddedKafka``."""

    _kind = BROKERS

    def __init__(
        self,
        *,
        brokers: int = 1,
        directory: Path | None = None,
        startup_timeout_s: float = STARTUP_S,
        progress: Progress = _silent,
    ) -> None:
        super().__init__(directory, startup_timeout_s, progress)
        self._brokers = brokers

    def _make(self, run_id: str, directory: Path, stack: contextlib.ExitStack) -> EmbeddedKafka:
        return EmbeddedKafka(
            provide_kafka(resolve_flink(DEFAULT_FLINK).line, progress=self._progress),
            directory=directory,
            ports=cache_root() / "ports",
            archives=cache_root() / "class-archives",
            run_id=run_id,
            startup_timeout_s=self._startup_timeout_s,
            progress=self._progress,
            brokers=self._brokers,
        )


class KafkaContainer(Service[ContainerKafka]):
    """A Kafka broker in a container; yields a ``ContainerKafka``.

    ``image`` is one that is configured as ``apache/kafka`` is; without it, one is built on ``base_image``.
    """

    _kind = BROKERS

    def __init__(
        self,
        image: str = "",
        *,
        base_image: str = "",
        directory: Path | None = None,
        startup_timeout_s: float = STARTUP_S,
        progress: Progress = _silent,
    ) -> None:
        super().__init__(directory, startup_timeout_s, progress)
        self._image = image
        self._base_image = base_image

    def _make(self, run_id: str, directory: Path, stack: contextlib.ExitStack) -> ContainerKafka:
        owned = _owned_containers(run_id, stack)
        line = resolve_flink(DEFAULT_FLINK).line
        return ContainerKafka(
            owned,
            require_kafka_image(owned.engine, line, image=self._image, base=self._base_image, progress=self._progress),
            jobs_inside=False,
            directory=directory,
            ports=cache_root() / "ports",
            run_id=run_id,
            startup_timeout_s=self._startup_timeout_s,
            progress=self._progress,
        )
