"""A Kafka broker in a container.

It has one listener for this machine, published on loopback, and one for the networks of containers.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

from flink_testbed.artifacts.java import QUICK_START_FLAGS
from flink_testbed.containers.engine import container_log, translate_errors
from flink_testbed.containers.owned import OwnedContainer, OwnedContainers
from flink_testbed.containers.spec import ContainerSpec
from flink_testbed.core import clock
from flink_testbed.core.ports import LOOPBACK, PortLease, lease_port
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.service import KafkaService
from flink_testbed.kafka.settings import HEAP_MIB, new_id, shared_settings
from flink_testbed.ownership.detached import Detachment

NAME = "kafka"
_HOST_PORT, _NETWORK_PORT, _CONTROLLER_PORT = 9092, 19092, 9093
_MEMORY_MIB, _PROCESSES = 1024, 1024


class ContainerKafka(KafkaService):
    """One broker from :meth:`start` to :meth:`close`.

    Its image is configured by environment variables, as ``apache/kafka`` is. ``directory`` is
    created and holds the log; ``ports`` is the machine-wide directory of port leases.
    ``jobs_inside`` is True if jobs run in containers, whose networks the broker has to
    :meth:`join`. ``owned`` belongs to this broker alone.
    """

    def __init__(
        self,
        owned: OwnedContainers,
        image: str,
        *,
        jobs_inside: bool,
        directory: Path,
        ports: Path,
        run_id: str,
        startup_timeout_s: float,
        progress: Callable[[str], None],
    ) -> None:
        super().__init__(run_id=run_id)
        self._owned = owned
        self.sockets = owned.sockets
        self._image = image
        self._jobs_inside = jobs_inside
        self._directory = directory
        self._ports = ports
        self._startup_timeout_s = startup_timeout_s
        self._progress = progress
        self._lease: PortLease | None = None
        self._network = ""
        self._joined: set[str] = set()
        self._broker: OwnedContainer | None = None
        self._killed = False

    @property
    def bootstrap(self) -> str:
        """``HOST:PORT`` for programs on this machine."""
        assert self._lease, "the broker is not started"
        return f"{LOOPBACK}:{self._lease.port}"

    @property
    def job_bootstrap(self) -> str:
        """The broker's name on the network of jobs in containers, else :attr:`bootstrap`."""
        return f"{NAME}:{_NETWORK_PORT}" if self._jobs_inside else self.bootstrap

    @property
    def provided(self) -> str:
        """The image, in words for the report."""
        return f"Kafka in a container of {self._image}, 1 broker"

    def start(self) -> None:
        """Start the broker and wait until it answers.

        After an error nothing is left.
        """
        self._progress(f"{self.provided}: starting (about 5 s)")
        started = clock.now_s()
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lease = lease_port(self._ports)
            self._network = self._owned.make_network(NAME)
            spec = ContainerSpec(
                NAME,
                self._image,
                (),
                "",
                _MEMORY_MIB,
                _PROCESSES,
                network=self._network,
                environment=broker_variables(self._lease.port),
                published={_HOST_PORT: self._lease.port},
                read_only=False,
            )
            self._broker = OwnedContainer(self._owned.start(spec, NAME), NAME, log=self._directory / "broker-0.log")
            self._wait_ready(1, self._startup_timeout_s)
        except BaseException:
            self.close()
            raise
        self.startup_s = clock.now_s() - started

    def join(self, network: str) -> None:
        """Connect the broker to one more container network, under its name."""
        if network not in self._joined:
            with translate_errors(f"join the broker with {network}"):
                there = self._owned.engine.client.networks.get(network)
                there.connect(self._running.container, aliases=[NAME])
            self._joined.add(network)

    @property
    def _running(self) -> OwnedContainer:
        if self._broker is None or self._killed:
            raise HostError(Problem("FA440", "broker 0 does not run", next_step="start it again: start_broker()"))
        return self._broker

    def kill_broker(self, number: int = 0) -> None:
        """Kill the broker with SIGKILL; its container stays, with its data."""
        self._require_first(number)
        container = self._running.container
        # Set first: a thread that waits meanwhile must not report a broker that died by itself.
        self._killed = True
        with translate_errors("kill the broker"):
            container.kill()

    def start_broker(self, number: int = 0) -> None:
        """Start the killed broker again, on its old data."""
        self._require_first(number)
        assert self._broker, "the broker was never started"
        with translate_errors("start the broker"):
            self._broker.container.start()
        self._broker = OwnedContainer(self._broker.container, NAME, log=self._directory / "broker-0.log")
        self._killed = False
        self._wait_ready(1, self._startup_timeout_s)

    def _require_first(self, number: int) -> None:
        if number != 0:
            raise HostError(Problem("FA440", f"broker {number} does not exist", expected="0, the only one"))

    def require_alive(self) -> None:
        """Raise :class:`HostError` if the broker died by itself."""
        if self._broker is None or self._killed:
            return
        code = self._broker.returncode()
        if code is not None:
            raise HostError(
                Problem(
                    "FA454",
                    f"the Kafka broker has died with exit code {code}",
                    where=self._image,
                    next_step="the lines below are the end of its log",
                    detail=self.log_tail(25),
                )
            )

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of the broker's output."""
        return container_log(self._broker.container, lines) if self._broker else ""

    def detach(self) -> Detachment:
        """Let the broker outlive this process.

        So does everything else that its owner has at the container engine.
        """
        container, bootstrap = str(self._running.container.name), self.bootstrap
        self._broker, self._lease, self._network = None, None, ""
        self._let_go()
        pipe, guard = self._owned.detach()
        return Detachment("Kafka", f"of {self._image}", bootstrap, self._directory, (), [pipe], (container,), guard)

    def close(self) -> None:
        """End the broker and remove everything but its log."""
        self._let_go()
        with contextlib.ExitStack() as stack:
            stack.callback(self._owned.close)
            if self._lease:
                stack.callback(self._lease.release)
            if self._network:
                stack.callback(self._owned.remove_network, self._network)
            if self._broker:
                stack.callback(self._broker.kill)
        self._broker = None


def broker_variables(port: int) -> dict[str, str]:
    """Return the environment variables of a broker's container.

    Its settings are those of an embedded broker, with listeners for this machine (at ``port``) and
    for networks of containers.
    """
    listeners = {"HOST": ("0.0.0.0", _HOST_PORT), "NETWORK": ("0.0.0.0", _NETWORK_PORT)}  # noqa: S104  within its networks
    listeners |= {"CONTROLLER": (LOOPBACK, _CONTROLLER_PORT)}
    settings = {
        **shared_settings(1),
        "node.id": 1,
        "process.roles": "broker,controller",
        "controller.quorum.voters": f"1@{LOOPBACK}:{_CONTROLLER_PORT}",
        "listeners": ",".join(f"{name}://{host}:{inside}" for name, (host, inside) in listeners.items()),
        "advertised.listeners": f"HOST://{LOOPBACK}:{port},NETWORK://{NAME}:{_NETWORK_PORT}",
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in listeners),
        "inter.broker.listener.name": "NETWORK",
        "controller.listener.names": "CONTROLLER",
        "log.dirs": "/var/lib/kafka/data",
    }
    variables = {variable_of(name): str(value) for name, value in settings.items()}
    flags = {"KAFKA_HEAP_OPTS": f"-Xmx{HEAP_MIB}m", "KAFKA_OPTS": " ".join(QUICK_START_FLAGS)}
    return {**variables, **flags, "CLUSTER_ID": new_id()}


def variable_of(name: str) -> str:
    """Return the variable that sets a property, named as apache/kafka does."""
    return "KAFKA_" + name.replace("_", "__").replace("-", "___").replace(".", "_").upper()
