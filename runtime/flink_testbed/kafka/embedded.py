"""An embedded Kafka: brokers started from jars, without Docker or root.

Each broker is a KRaft controller too. All addresses are loopback, all files are below one
directory, and a guard ends every broker if this process dies.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from flink_testbed.artifacts.class_archive import ClassArchive
from flink_testbed.core import clock
from flink_testbed.core.ports import LOOPBACK, PortLease, lease_port
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.home import KafkaHome
from flink_testbed.kafka.service import KafkaService
from flink_testbed.kafka.settings import BROKER_CLASS, SCRATCH, Node, java_command, new_id, server_properties
from flink_testbed.network import Passage
from flink_testbed.ownership.detached import Detachment
from flink_testbed.ownership.process import GuardedProcess, clean_environment, tail

# The broker whose classes go into the archive; all brokers load the same ones.
_RECORDED = 0


class EmbeddedKafka(KafkaService):
    """One or more brokers from :meth:`start` to :meth:`close`.

    ``directory`` is created and holds all their files. ``ports`` is the machine-wide directory of
    port leases; ``archives`` is the directory of class archives, None to start without.
    """

    def __init__(
        self,
        home: KafkaHome,
        *,
        directory: Path,
        ports: Path,
        archives: Path | None,
        run_id: str,
        startup_timeout_s: float,
        progress: Callable[[str], None],
        brokers: int = 1,
    ) -> None:
        super().__init__(run_id=run_id)
        self.replicas = min(3, brokers)
        self.home = home
        self.directory = directory
        self._count = brokers
        self._ports = ports
        self._startup_timeout_s = startup_timeout_s
        self._progress = progress
        self._archive = (
            ClassArchive(
                archives, directory / "archives", roles=["broker"], classes=home.jars, java_version=home.java.version
            )
            if archives
            else None
        )
        self._leases: list[PortLease] = []
        self._nodes: tuple[Node, ...] = ()
        self._processes: dict[int, GuardedProcess] = {}

    @property
    def bootstrap(self) -> str:
        """``HOST:PORT`` of each started broker, separated by commas."""
        assert self._nodes, "the broker is not started"
        return ",".join(f"{LOOPBACK}:{node.port}" for node in self._nodes)

    @property
    def passages(self) -> tuple[Passage, ...]:
        """One passage for each broker, whose port is leased."""
        return tuple(node.behind_proxy for node in self._nodes if node.behind_proxy)

    @property
    def provided(self) -> str:
        """Version and number of brokers, in words for the report."""
        brokers = "1 broker" if self._count == 1 else f"{self._count} brokers"
        return f"Kafka {self.home.version}, embedded, {brokers}"

    def start(self) -> None:
        """Start all brokers and wait until they know each other.

        After an error nothing is left.
        """
        self._progress(f"{self.provided}: starting (about 2 s)")
        started = clock.now_s()
        try:
            for name in ("conf", "log", *SCRATCH):
                (self.directory / name).mkdir(parents=True, exist_ok=True)
            self._nodes = tuple(self._node(number) for number in range(self._count))
            cluster_id = new_id()
            for node in self._nodes:
                self.home.format(self._data(node), node, cluster_id)
                text = server_properties(node, self._nodes, data=self._data(node))
                self._conf(node).write_text(text, encoding="utf-8")
                self._launch(node)
            self._wait_ready(len(self._processes), self._startup_timeout_s)
        except BaseException:
            self.kill()
            raise
        self.startup_s = clock.now_s() - started

    def _node(self, number: int) -> Node:
        leases = [lease_port(self._ports) for _ in range(4)]
        self._leases += leases
        port, controller_port, proxied_port, proxy_port = (lease.port for lease in leases)
        return Node(number, port, controller_port, Passage(proxied_port, proxy_port))

    def _data(self, node: Node) -> Path:
        return self.directory / "data" / f"broker-{node.number}"

    def _conf(self, node: Node) -> Path:
        return self.directory / "conf" / f"broker-{node.number}.properties"

    def _launch(self, node: Node) -> None:
        name = f"broker-{node.number}"
        role = "broker" if node.number == _RECORDED or not self._recording else "another"
        command = java_command(
            self.home.java.java,
            jars=self.home.jars,
            main=BROKER_CLASS,
            arguments=[str(self._conf(node))],
            temporary=self.directory / "tmp",
            flags=self._archive.flags(role) if self._archive else [],
        )
        self._processes[node.number] = GuardedProcess(
            command,
            name=f"Kafka {name}",
            log=self.directory / "log" / f"{name}.log",
            env=clean_environment(),
            cwd=self.directory,
        )

    @property
    def _recording(self) -> bool:
        return self._archive is not None and self._archive.recording

    def kill_broker(self, number: int = 0) -> None:
        """Kill a broker with SIGKILL; the first one is number 0.

        The others, if there are any, take over its partitions.
        """
        self._running(number)
        # Removed first: a thread that waits meanwhile must not report a broker that died by itself.
        self._processes.pop(number).kill()

    def start_broker(self, number: int = 0) -> None:
        """Start a killed broker again, on its old data."""
        if number in self._processes or number >= self._count:
            raise self._no_such(number, "is running" if number in self._processes else "does not exist")
        self._launch(self._nodes[number])
        self._wait_ready(len(self._processes), self._startup_timeout_s)

    def _running(self, number: int) -> GuardedProcess:
        if number not in self._processes:
            raise self._no_such(number, "does not run")
        return self._processes[number]

    def _no_such(self, number: int, seen: str) -> HostError:
        running = ", ".join(map(str, sorted(self._processes))) or "none"
        return HostError(
            Problem("FA440", f"broker {number} {seen}", expected=f"one of {self._count}", seen=f"running: {running}")
        )

    def require_alive(self) -> None:
        """Raise :class:`HostError` if a broker died by itself.

        Also keeps the brokers' logs in bounds.
        """
        for number, process in dict(self._processes).items():
            process.cap_log()
            code = process.returncode()
            if code is not None and self._processes.get(number) is process:
                raise HostError(
                    Problem(
                        "FA454",
                        f"{process.name} has died with exit code {code}",
                        where=os.fspath(process.log),
                        next_step="the lines below are the end of its log",
                        detail=self.log_tail(25),
                    )
                )

    def log_tail(self, lines: int = 40) -> str:
        """Return the last lines of the brokers' logs, each below its name."""
        ends = {path.name: tail(path, lines) for path in sorted((self.directory / "log").glob("*"))}
        return "\n".join(f"--- {name}\n{text}" for name, text in ends.items() if text.strip())

    def resident_bytes(self) -> int:
        """Return the resident memory of all brokers, guards included."""
        return sum(process.resident_bytes() for process in self._processes.values())

    def close(self) -> None:
        """End all brokers, and write their class archive if needed."""
        if self._archive and self._recording and _RECORDED in self._processes:
            self._progress("Kafka: writing a class archive, so that the next start is faster (once, about 3 s)")
            self._processes[_RECORDED].stop(grace_s=20)
            self._archive.publish()
        self.kill()

    def detach(self) -> Detachment:
        """Let the brokers outlive this process.

        The pipes to their guards pass to the caller.
        """
        pipes = [process.detach() for process in self._processes.values()]
        self._processes, self._leases = {}, []
        self._let_go()
        return Detachment("Kafka", self.home.version, self.bootstrap, self.directory, SCRATCH, pipes)

    def kill(self) -> None:
        """End every broker at once and remove its data.

        Logs and settings stay.
        """
        self._let_go()
        for process in self._processes.values():
            process.kill()
        self._processes = {}
        for lease in self._leases:
            lease.release()
        self._leases = []
        for name in SCRATCH:
            shutil.rmtree(self.directory / name, ignore_errors=True)
