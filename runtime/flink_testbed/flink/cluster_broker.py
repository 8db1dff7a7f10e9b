"""Share one process's clusters with the other processes of its session.

The owner of a cluster is the process that started it, and the cluster ends with it. Under
pytest-xdist the controller is the owner: it runs a :class:`BrokerServer`. Workers hold a
:class:`~flink_testbed.flink.shared_cluster.SharedCluster`.

Transport: a Unix socket of :mod:`multiprocessing.connection`, with a key that only the processes of
the session have. A request is ``(id, method, arguments)``, its reply ``(id, succeeded, value or
exception)``.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Client, Connection, Listener
from operator import attrgetter
from pathlib import Path
from typing import Any

from flink_testbed.core.directories import make_private
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import FlinkCluster, cluster_abandoned
from flink_testbed.flink.shared_cluster import ClusterFacts, SharedCluster


@dataclass(frozen=True, slots=True)
class BrokerAddress:
    """The address of a cluster broker.

    ``path`` is its Unix socket, at most 100 bytes long; ``key`` authenticates the clients.
    """

    path: str
    key: bytes


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
        return SharedCluster(self.call, name, self.call("open", name))

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
