"""Share one process's clusters with the other processes of its session.

The owner of a cluster is the process that started it, and the cluster ends with it. Under
pytest-xdist the controller is the owner: it runs a :class:`BrokerServer`. Workers hold a
:class:`SharedCluster`, which talks to Flink over REST by itself and asks the owner for everything
that concerns processes.

Transport: a Unix socket of :mod:`multiprocessing.connection`, with a key that only the processes of
the session have. A request is ``(id, method, arguments)``, its reply ``(id, succeeded, value or
exception)``.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from operator import attrgetter
from pathlib import Path
from typing import Any

from flink_testbed.core.directories import make_private
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import FlinkCluster, cluster_abandoned
from flink_testbed.flink.logs import DirectoryLogs
from flink_testbed.flink.processes import ClusterProcesses
from flink_testbed.flink.rest import RestClient
from flink_testbed.flink.rest_keys import RestKeys

_TAIL = 20


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """The address of a cluster broker.

    ``path`` is its Unix socket, at most 100 bytes long; ``key`` authenticates the clients.
    """

    path: str
    key: bytes


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """The facts of a cluster that a client needs (see :class:`FlinkCluster`)."""

    rest_url: str
    directory: Path
    startup_s: float
    flink_version: str
    run_id: str
    shares_files: bool
    worker_python: str
    has_processes: bool


class ClusterBroker:
    """The owner's side, which executes the requests of clients.

    ``provide`` returns the running cluster of a name; it starts it at the first request, and replaces one
    that has lost a process. ``current`` returns the cluster of a name as it is. ``kafka`` returns the
    address of a running broker. Several threads call this at once, one for each client.
    """

    def __init__(
        self,
        provide: Callable[[str], FlinkCluster],
        current: Callable[[str], FlinkCluster],
        kafka: Callable[[], str],
    ) -> None:
        self._provide = provide
        self._current = current
        self._kafka = kafka
        self._locks: dict[str, threading.Lock] = {}

    def open(self, name: str) -> ClusterFacts:
        """Return the facts of a cluster, starting it if needed.

        Raises the errors of ``provide``.
        """
        with self._lock(name):
            cluster = self._provide(name)
        return ClusterFacts(
            cluster.rest_url,
            cluster.directory,
            cluster.startup_s,
            cluster.flink_version,
            cluster.run_id,
            cluster.shares_files,
            cluster.worker_python,
            has_processes=cluster.processes is not None,
        )

    def ask(self, name: str, rest_url: str, operation: str, *arguments: Any) -> Any:
        """Read an attribute or call a method, for example ``processes.pause``.

        Raises :class:`HostError` FA457 if the cluster at ``rest_url`` has been replaced by another.
        """
        with self._lock(name):
            cluster = self._current(name)
            if cluster.rest_url != rest_url:
                raise cluster_abandoned("another run has lost it, and it was replaced", rest_url)
            member = attrgetter(operation)(cluster)
            return member(*arguments) if callable(member) else member

    def kafka_bootstrap(self) -> str:
        """Return the address of the session's Kafka, starting it if needed."""
        return self._kafka()

    def _lock(self, name: str) -> threading.Lock:
        """Return the lock of one cluster.

        A lock for each: a client of a running cluster does not wait for another that starts.
        """
        return self._locks.setdefault(name, threading.Lock())


class BrokerServer:
    """The server of a :class:`ClusterBroker`, with one thread for each client."""

    def __init__(self, address: BrokerAddress, broker: ClusterBroker) -> None:
        self._broker = broker
        self._path = Path(address.path)
        make_private(self._path.parent)
        self._listener = Listener(address.path, family="AF_UNIX", authkey=address.key)
        self._closed = False
        threading.Thread(target=self._accept, name="cluster broker", daemon=True).start()

    def _accept(self) -> None:
        while not self._closed:
            # A client with a wrong key, or one that disconnects at once, must not end the server.
            with contextlib.suppress(OSError, EOFError, AuthenticationError):
                client = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), name="cluster broker client", daemon=True).start()

    def _serve(self, client: Connection) -> None:
        # Ends when the client disconnects; the threads are daemons, so the interpreter does not
        # wait.
        with client, contextlib.suppress(OSError, EOFError):
            while True:
                number, method, arguments = client.recv()
                client.send((number, *self._answer(method, arguments)))

    def _answer(self, method: str, arguments: tuple[Any, ...]) -> tuple[bool, Any]:
        try:
            return True, getattr(self._broker, method)(*arguments)
        except Exception as error:  # raised again in the client
            return False, error

    def close(self) -> None:
        """Stop accepting clients and remove the socket."""
        self._closed = True
        # Closing a socket does not wake a thread that is blocked in accept(): connect to it. Not as a
        # client: if the thread has just ended, nothing would reply to a client's handshake.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as waker:
            waker.connect(str(self._path))
        self._listener.close()
        with contextlib.suppress(OSError):
            self._path.parent.rmdir()


class BrokerClient:
    """The client's side, with one connection for each thread."""

    def __init__(self, address: BrokerAddress) -> None:
        self._address = address
        self._of_thread = threading.local()
        self._numbers = itertools.count(1)

    def cluster(self, name: str) -> SharedCluster:
        """Return the running cluster of that name."""
        return SharedCluster(self, name, self.call("open", name))

    def call(self, method: str, *arguments: Any) -> Any:
        """Call a method of the owner's :class:`ClusterBroker`.

        Raises what the method raised there, or :class:`HostError` FA423 if the owner does not
        answer.
        """
        try:
            succeeded, value = self._exchange((next(self._numbers), method, arguments))
        except (EOFError, OSError, AuthenticationError) as error:
            raise HostError(
                Problem(
                    "FA423",
                    "the pytest controller, which owns the clusters, does not answer",
                    where=self._address.path,
                    expected="a running controller: the first pytest process of the session",
                    seen=f"{type(error).__name__}: {error}",
                    next_step="run again; if the controller was killed, find out why (out of memory?)",
                )
            ) from error
        if succeeded:
            return value
        raise value

    def _exchange(self, request: tuple[int, str, tuple[Any, ...]]) -> tuple[bool, Any]:
        """Send a request and return its reply, ignoring replies to earlier requests.

        A time-out plugin or Ctrl-C may interrupt the thread between request and reply. The
        connection is then closed: its next reply would belong to the interrupted request.
        """
        connection = self._connection()
        try:
            connection.send(request)
            while True:
                number, succeeded, value = connection.recv()
                if number == request[0]:
                    return succeeded, value
        except BaseException:
            del self._of_thread.connection
            connection.close()
            raise

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._of_thread, "connection", None)
        if connection is None:
            connection = Client(self._address.path, family="AF_UNIX", authkey=self._address.key)
            self._of_thread.connection = connection
        return connection


class SharedCluster(FlinkCluster):
    """A cluster that another process of the session owns and ends."""

    def __init__(self, client: BrokerClient, name: str, facts: ClusterFacts) -> None:
        super().__init__(flink_version=facts.flink_version, run_id=facts.run_id, directory=facts.directory)
        self.startup_s = facts.startup_s
        self.shares_files = facts.shares_files
        self.worker_python = facts.worker_python
        self._client = client
        self._name = name
        # The files are on this machine, so logs need no request. Nor may they: an error message may
        # want them while another thread holds the cluster's lock at the owner.
        self._logs = DirectoryLogs(facts.directory)
        keys = RestKeys.of(facts.directory)
        self._rest = RestClient(facts.rest_url, access=keys.access(facts.rest_url) if keys else None)
        self.client_options = keys.options() if keys else {}
        self._rest.tail = lambda: self._logs.tail(_TAIL)
        self._processes = SharedProcesses(self._ask) if facts.has_processes else None

    def _ask(self, operation: str, *arguments: Any) -> Any:
        return self._client.call("ask", self._name, self._rest.url, operation, *arguments)

    @property
    def rest(self) -> RestClient:
        """A REST client of this process."""
        return self._rest

    @property
    def logs(self) -> DirectoryLogs:
        """The logs in the owner's directory."""
        return self._logs

    @property
    def processes(self) -> SharedProcesses | None:
        """The cluster's processes, which the session's other workers use too."""
        return self._processes

    def require_alive(self) -> None:
        """Raise :class:`HostError` if a process of the cluster has died."""
        self._ask("require_alive")

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until the slots of all TaskManagers are registered."""
        self._ask("wait_ready", timeout_s)

    def abandon(self, reason: str) -> bool:
        """Let the owner end the cluster."""
        return bool(self._ask("abandon", reason))

    def let_reach(self, port: int) -> None:
        """Make a server on this machine's loopback reachable for jobs."""
        self._ask("let_reach", port)

    def close(self) -> None:
        """Close the connections; the cluster goes on."""
        self.rest.close()


class SharedProcesses(ClusterProcesses):
    """The processes of a shared cluster, operated by requests to the owner."""

    def __init__(self, ask: Callable[..., Any]) -> None:
        self._ask = ask

    @property
    def taskmanagers(self) -> list[str]:
        """The names of the TaskManagers that are meant to run, oldest first."""
        return list(self._ask("processes.taskmanagers"))

    @property
    def prometheus(self) -> Mapping[str, str]:
        """The URLs of the Prometheus reporters by the names of the processes."""
        return dict(self._ask("processes.prometheus"))

    def kill_taskmanager(self, name: str = "") -> str:
        """Kill a TaskManager, by default the oldest, and its Python workers; return its name."""
        return str(self._ask("processes.kill_taskmanager", name))

    def add_taskmanager(self) -> str:
        """Start one more TaskManager; return its name before it has registered."""
        return str(self._ask("processes.add_taskmanager"))

    def kill_jobmanager(self) -> None:
        """Kill the JobManager and start another in its place."""
        self._ask("processes.kill_jobmanager")

    def kill_python_workers(self) -> int:
        """Kill the Python workers of all TaskManagers; return the number of processes."""
        return int(self._ask("processes.kill_python_workers"))

    def fill_disk(self, name: str) -> None:
        """Let every write of a process to a file fail."""
        self._ask("processes.fill_disk", name)

    def free_disk(self, name: str) -> None:
        """Let a process write to files again."""
        self._ask("processes.free_disk", name)

    def pause(self, name: str) -> None:
        """Stop a process without ending it."""
        self._ask("processes.pause", name)

    def resume(self, name: str) -> None:
        """Continue a paused process."""
        self._ask("processes.resume", name)
