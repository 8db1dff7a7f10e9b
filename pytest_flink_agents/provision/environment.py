"""What scenarios of one (Flink release, requirements) run on: worker, clusters, submitter.

Each part is started when it is first asked for and kept for the session.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Sequence
from pathlib import Path

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.artifacts.java import QUICK_START_FLAGS, JavaRuntime
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.directories import cache_root
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.cluster_broker import BrokerClient
from flink_testbed.flink.config import MODULE_FLAGS, ClusterConfig
from flink_testbed.flink.launched import LaunchedCluster
from flink_testbed.flink.remote import RemoteCluster
from flink_testbed.flink.standalone import StandaloneCluster
from flink_testbed.ownership.detached import DetachedService, hold_detached
from flink_testbed.ownership.session_record import CLUSTER, JOBS, SOCKETS, own_record
from flink_testbed.responder import Responder
from pytest_flink_agents.provision.containers import ContainerWorkplace, provide_containers
from pytest_flink_agents.provision.engine_choice import ChosenEngine, engine_settings, require_bundled
from pytest_flink_agents.provision.job_parts import Provisions
from pytest_flink_agents.provision.reuse import digest_of_cluster, reuse
from pytest_flink_agents.settings import Settings

_WORKER_READY_S = 60.0
_SUBMITTER_READY_S = 90.0


def cluster_name(tier: str, release: FlinkRelease, requirements: tuple[str, ...]) -> str:
    """What the processes of a session call a workplace's cluster of a tier."""
    return json.dumps([tier, release.version, *requirements])


class Workplace(Provisions):
    """The running parts for one Flink release and one list of requirements.

    ``directory`` takes logs and cluster files; ``folder`` holds it and all else that jobs read and write (default: itself).
    """

    def __init__(
        self,
        settings: Settings,
        release: FlinkRelease,
        requirements: tuple[str, ...],
        *,
        run_id: str,
        directory: Path,
        progress: Callable[[str], None],
        broker_client: BrokerClient | None = None,
        folder: Path | None = None,
    ) -> None:
        super().__init__(settings, release, requirements, progress)
        self.run_id = run_id
        self._folder = folder or directory
        self._directory = directory
        self._broker_client = broker_client
        self._worker: Responder | None = None
        self._submitter: Responder | None = None
        self._clusters: dict[str, FlinkCluster] = {}

    def worker(self) -> Responder:
        """The warm process of the local tier. One that died or hung is replaced."""
        require_bundled(self.environment)
        if self._worker is None or not self._worker.usable:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._worker = Responder(
                [str(self.environment.python), "-m", "flink_agents_runtime.local.worker"],
                name="local worker",
                log=self._directory / "local-worker.log",
                env=self._job_environment(),
                cwd=self.settings.root,
            )
            self._worker.wait_ready(_WORKER_READY_S)
        return self._worker

    def cluster(self, tier: str = "embedded") -> FlinkCluster:
        """The session's cluster of a tier, running: our own, or the one that the session's first process has."""
        cluster = self._once(f"{tier} cluster", lambda: self._provide_cluster(tier))
        cluster.require_alive()
        return cluster

    def _provide_cluster(self, tier: str) -> FlinkCluster:
        if tier == "remote":
            return self._connect()
        if self._broker_client is None:
            return self.own_cluster(tier)
        cluster = self._broker_client.cluster(cluster_name(tier, self.release, self._requirements))
        self._clusters[tier] = cluster
        return cluster

    def _connect(self) -> RemoteCluster:
        """The cluster of somebody else; each process of a session uses it by itself."""
        access = self.settings.remote
        assert access is not None, "options.py asks for the address"
        self._progress(f"Flink {self.release.version}: looking at {access.url}")
        directory = self._directory / "remote-cluster"
        cluster = RemoteCluster(access, self.java.home, self.release.version, run_id=self.run_id, directory=directory)
        cluster.connect()
        own_record(self.run_id).note(JOBS, access.url)
        self._clusters["remote"] = cluster
        return cluster

    def own_cluster(self, tier: str) -> FlinkCluster:
        """The session's cluster of a tier that belongs to this process."""
        return self._once(f"own {tier} cluster", lambda: self._start_cluster(tier))

    def _start_cluster(self, tier: str) -> FlinkCluster:
        if self.settings.reuse and tier == "embedded":
            reused = reuse(self._digest(), self.flink_home, self.run_id, self._progress)
            if reused:
                self._clusters[tier] = reused
                return reused
        cluster = self.new_cluster(self._cluster_config(), self._directory / f"{tier}-cluster", tier=tier)
        cluster.start()
        self._clusters[tier] = cluster
        return cluster

    def _digest(self) -> str:
        return digest_of_cluster(self.flink_home, self._with_engine(self._cluster_config(), self.java.version))

    def new_cluster(self, config: ClusterConfig, directory: Path, *, tier: str = "embedded") -> LaunchedCluster:
        """A cluster of the caller's own, not started yet. The caller ends it, too."""
        if tier == "remote":
            raise HostError(
                Problem(
                    "FA440",
                    "no cluster is started on the remote tier",
                    next_step="clusters of a test's own are for --flink-tier=embedded",
                )
            )
        if tier == "container":
            containers = self._containers
            return containers.cluster(self._with_engine(config, containers.image.java_version), directory)
        own_record(self.run_id).note(CLUSTER, str(directory.absolute()))
        return StandaloneCluster(
            self.flink_home,
            self._with_engine(config, self.java.version),
            run_id=self.run_id,
            directory=directory,
            ports=cache_root() / "ports",
            archives=cache_root() / "class-archives",
            startup_timeout_s=self.settings.startup_timeout_s,
            environment={},
            progress=self._progress,
        )

    @property
    def _containers(self) -> ContainerWorkplace:
        return self._once("containers", self._provide_containers)

    def _provide_containers(self) -> ContainerWorkplace:
        return provide_containers(
            self.settings,
            self.release,
            self.environment,
            roots=self.import_roots,
            run_id=self.run_id,
            folder=self._folder,
            progress=self._progress,
        )

    def _cluster_config(self) -> ClusterConfig:
        """With slots for what may run at the same time: a job that waits for slots would pass its deadline waiting."""
        return ClusterConfig(slots=max(ClusterConfig().slots, self.settings.processes * self.settings.parallelism))

    def _with_engine(self, config: ClusterConfig, java_version: str) -> ClusterConfig:
        needs = engine_settings(self.engine, java_version)
        return dataclasses.replace(
            config,
            flink_options={**needs.flink_options, **config.flink_options},
            classes=(*needs.classes, *config.classes),
            java_flags=(*needs.java_flags, *config.java_flags),
        )

    def client_process(self, program: Sequence[str], *, name: str) -> Responder:
        """Start a Python program of the job environment that uses Flink's client; its log is named after it."""
        self._directory.mkdir(parents=True, exist_ok=True)
        conf = self._directory / "client"
        conf.mkdir(exist_ok=True)
        (conf / "config.yaml").write_text("{}\n", encoding="utf-8")
        (conf / "log4j2.properties").write_text("rootLogger.level = WARN\n", encoding="utf-8")
        return Responder(
            [str(self.environment.python), *program],
            name=name,
            log=self._directory / f"{name.replace(' ', '-')}.log",
            env=self._job_environment(
                JAVA_HOME=str(self.java.home),
                FLINK_HOME=str(self.environment.flink_home),
                FLINK_CONF_DIR=str(conf),
                FLINK_LOG_DIR=str(conf),
                LOG4J_PROPERTIES=str(conf / "log4j2.properties"),
                JVM_ARGS=" ".join([*QUICK_START_FLAGS, *MODULE_FLAGS, "-Xmx256m", f"-Djava.io.tmpdir={conf}"]),
                # Otherwise PyFlink opens a worker pool for local runs, on every interface.
                _python_worker_execution_mode="process",
                **(self.settings.remote.client_environment() if self.settings.remote else {}),
            ),
            cwd=self.settings.root,
        )

    def submitter(self, tier: str = "embedded") -> Responder:
        """The warm process that builds and submits jobs. It starts beside the cluster, as each waits for its own JVM."""
        if self._submitter is None or not self._submitter.usable:
            self._made.pop("submitter", None)
            program = ["-m", "flink_agents_runtime.on_flink.submitter", self.engine.name.value]
            self._submitter = self.client_process(program, name="job submitter")
        submitter = self._submitter
        self.cluster(tier)
        self._once("submitter", lambda: submitter.wait_ready(_SUBMITTER_READY_S))
        return submitter

    def facts(self) -> dict[str, str]:
        """What was made, in words."""
        facts: dict[str, str] = {}
        environment, java, engine = (self._made.get(name) for name in ("environment", "java", "engine"))
        if isinstance(environment, JobEnvironment):
            facts["job environment"] = (
                f"Python {environment.python_version}, apache-flink {environment.flink_version}, "
                f"flink-agents {environment.flink_agents_version}"
            )
        if isinstance(engine, ChosenEngine):
            facts["engine"] = engine.in_words()
        if isinstance(java, JavaRuntime):
            facts["Java"] = f"{java.version} from {java.source}"
        for tier, cluster in self._clusters.items():
            facts[f"{tier} cluster"] = cluster.summary()
            if tier == "container":
                facts["container engine"] = self._containers.in_words()
        return facts

    def leave_clusters(self) -> list[DetachedService]:
        """Let the clusters that this process has started outlive it; :meth:`close` then finds none."""
        left, record = [], own_record(self.run_id)
        for tier, cluster in tuple(self._clusters.items()):
            detached = cluster.detach()
            if detached is None:
                continue
            # Only embedded clusters are used again; a digest is how a later session finds one.
            left.append(hold_detached(detached, self._digest() if tier == "embedded" else ""))
            record.forget(CLUSTER, left[-1].directory)
            if tier == "container":
                record.forget(SOCKETS, str(self._containers.owned.sockets))
            del self._clusters[tier]
        return left

    def close(self) -> None:
        """End what was started, last first."""
        for process in (self._submitter, self._worker):
            if process:
                process.kill()
        for cluster in self._clusters.values():
            cluster.close()
        containers = self._made.get("containers")
        if isinstance(containers, ContainerWorkplace):
            containers.close()
