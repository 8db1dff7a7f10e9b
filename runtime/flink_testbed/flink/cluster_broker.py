"""One cluster for several processes: its owner serves a desk, the others ask there.

The owner of a cluster is the process that started it, and with which it ends. Processes that only use it (those that
pytest-xdist starts) hold a :class:`SharedCluster`, whose questions go to the owner's :class:`ClusterBroker` through a Unix
socket of the standard library's :mod:`multiprocessing.connection`, behind a key that only the session's processes know.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.rest import RestClient
from flink_testbed.ownership.process import tail


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """Where a desk answers: the path of its Unix socket (at most 100 bytes), and the key that callers must know."""

    path: str
    key: bytes


class ClusterBroker:
    """The owner's side. ``provide`` gives the running cluster of a name, starting it when first asked.

    ``kafka`` gives the address of a running broker, in the same way. Asked by several threads at once, one a caller; one
    cluster's questions are answered one after the other.
    """

    def __init__(self, provide: Callable[[str], FlinkCluster], kafka: Callable[[], str]) -> None:
        self._provide = provide
        self._kafka = kafka
        self._locks: dict[str, threading.Lock] = {}

    def open(self, name: str) -> dict[str, Any]:
        """What a caller needs to use the cluster by itself. Raises what ``provide`` raises."""
        with self._lock(name):
            cluster = self._provide(name)
        return {
            "rest_url": cluster.rest_url,
            "directory": str(cluster.directory),
            "startup_s": cluster.startup_s,
            "flink_version": cluster.flink_version,
            "run_id": cluster.run_id,
            "shares_files": cluster.shares_files,
            "worker_python": cluster.worker_python,
        }

    def ask(self, name: str, operation: str, *arguments: Any) -> Any:
        """Do one of the cluster's operations here, where its processes are known."""
        with self._lock(name):
            member = getattr(self._provide(name), operation)
            return member(*arguments) if callable(member) else member

    def kafka_bootstrap(self) -> str:
        """Where the owner's Kafka answers: all that a caller needs of it."""
        return self._kafka()

    def _lock(self, name: str) -> threading.Lock:
        """A lock a cluster: who uses one that runs does not wait for one that starts."""
        return self._locks.setdefault(name, threading.Lock())


class BrokerServer:
    """Serves a desk until :meth:`close`: a thread listens, and each caller has a thread of its own."""

    def __init__(self, address: BrokerAddress, desk: ClusterBroker) -> None:
        self._desk = desk
        self._path = Path(address.path)
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._listener = Listener(address.path, family="AF_UNIX", authkey=address.key)
        self._closed = False
        threading.Thread(target=self._accept, name="cluster desk", daemon=True).start()

    def _accept(self) -> None:
        while not self._closed:
            # A caller with a wrong key, or one that went away at once, is no reason to stop listening.
            with contextlib.suppress(OSError, EOFError, AuthenticationError):
                caller = self._listener.accept()
                threading.Thread(target=self._serve, args=(caller,), name="cluster desk caller", daemon=True).start()

    def _serve(self, caller: Connection) -> None:
        # Until the caller is gone, or the interpreter is.
        with caller, contextlib.suppress(OSError, EOFError):
            while True:
                method, arguments = caller.recv()
                caller.send(self._answer(method, arguments))

    def _answer(self, method: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        try:
            return True, getattr(self._desk, method)(*arguments)
        except Exception as error:  # the caller's to handle, whatever it is
            return False, error

    def close(self) -> None:
        """Answer nobody any more."""
        self._closed = True
        # A thread in accept() would not notice that its socket was closed: knock.
        with contextlib.suppress(OSError, EOFError, AuthenticationError), Client(str(self._path), authkey=b"knock"):
            pass
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.parent.rmdir()


class BrokerClient:
    """A caller's side of a desk: a connection for each thread that asks, made when first needed and gone with the thread."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address
        self._of_thread = threading.local()

    def cluster(self, name: str) -> SharedCluster:
        """The running cluster of that name."""
        return SharedCluster(self, name, **self.call("open", name))

    def call(self, method: str, *arguments: Any) -> Any:
        """Ask the desk. Raises what the owner raised, or :class:`HostError` where the owner is gone."""
        try:
            desk: Connection | None = getattr(self._of_thread, "desk", None)
            if desk is None:
                desk = self._of_thread.desk = Client(self._address.path, family="AF_UNIX", authkey=self._address.key)
            desk.send((method, arguments))
            done, answer = desk.recv()
        except (EOFError, OSError, AuthenticationError) as error:
            raise HostError(
                Problem(
                    "FA423",
                    "the process that owns the cluster does not answer",
                    where=self._address.path,
                    expected="the session's first pytest process, which starts the cluster",
                    seen=f"{type(error).__name__}: {error}",
                    next_step="run again; if it was killed, look at why (memory?)",
                )
            ) from error
        if done:
            return answer
        raise answer


class SharedCluster(FlinkCluster):
    """A cluster that another process owns, used like one's own. Ending it is left to the owner."""

    def __init__(
        self,
        caller: BrokerClient,
        name: str,
        *,
        rest_url: str,
        directory: str,
        startup_s: float,
        flink_version: str,
        run_id: str,
        shares_files: bool,
        worker_python: str,
    ) -> None:
        super().__init__(flink_version=flink_version, run_id=run_id, directory=Path(directory))
        self.startup_s = startup_s
        self.shares_files = shares_files
        self.worker_python = worker_python
        self._rest = RestClient(rest_url)
        # Not by way of the desk: that may be waiting for the same cluster.
        self._rest.tail = lambda: "\n".join(f"--- {path.name}\n{tail(path, 20)}" for path in self._log_files())
        self._caller = caller
        self._name = name

    @property
    def rest(self) -> RestClient:
        """A client of our own: what goes over REST needs no desk."""
        return self._rest

    def _ask(self, operation: str, *arguments: Any) -> Any:
        return self._caller.call("ask", self._name, operation, *arguments)

    def require_alive(self) -> None:
        """Raise :class:`HostError` with the log's end if one of the JVMs has died."""
        self._ask("require_alive")

    @property
    def taskmanagers(self) -> list[str]:
        """The names of the TaskManagers that are meant to run, oldest first."""
        return list(self._ask("taskmanagers"))

    @property
    def prometheus(self) -> Mapping[str, str]:
        """Name of each Flink process -> the URL at which its Prometheus reporter is scraped."""
        return dict(self._ask("prometheus"))

    def kill_taskmanager(self) -> str:
        """SIGKILL the oldest TaskManager. It is everybody's: what others run there fails, too."""
        return str(self._ask("kill_taskmanager"))

    def add_taskmanager(self) -> str:
        """Start one more TaskManager; returns before it has registered."""
        return str(self._ask("add_taskmanager"))

    def kill_jobmanager(self) -> None:
        """SIGKILL the JobManager, everybody's too, and start another."""
        self._ask("kill_jobmanager")

    def pause(self, name: str) -> None:
        """Stop a process without ending it."""
        self._ask("pause", name)

    def resume(self, name: str) -> None:
        """Let a paused process go on."""
        self._ask("resume", name)

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until the slots of all TaskManagers are registered."""
        self._ask("wait_ready", timeout_s)

    def let_reach(self, port: int) -> None:
        """See to it that a server on this machine's loopback answers where the jobs run."""
        self._ask("let_reach", port)

    def logs(self) -> Mapping[str, str]:
        """Name of each log file -> its last part."""
        return dict(self._ask("logs"))

    def log_tail(self, lines: int = 40) -> str:
        """The ends of all logs of the cluster, each under its name."""
        return str(self._ask("log_tail", lines))

    def close(self) -> None:
        """Let go of it."""
        self.rest.close()
