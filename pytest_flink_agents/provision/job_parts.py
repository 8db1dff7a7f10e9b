"""The job dependencies for one Flink release.

They are the job environment, engine, Java, jars and import roots.

Each part is made on first use and kept for the session.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.artifacts.bounded_kafka import BOUNDED_AFTER_RESTORE
from flink_testbed.artifacts.class_patch import provide_patched
from flink_testbed.artifacts.environments import (
    EnvironmentRequest,
    JobEnvironment,
    cached_environment,
    existing_environment,
    package_digests,
    plan_environment,
    provide_environment,
)
from flink_testbed.artifacts.jars import provide_connector
from flink_testbed.artifacts.java import JavaRuntime, provide_java
from flink_testbed.artifacts.runtime_zip import provide_runtime_zip
from flink_testbed.artifacts.shipment import provide_shipment
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.home import FlinkHome
from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.identity import file_digest
from pytest_flink_agents.provision.engine_choice import ChosenEngine, choose_engine, engine_settings, require_java
from pytest_flink_agents.provision.java_classes import provide_agent_classes, provide_bridge
from pytest_flink_agents.provision.made_once import MadeOnce
from pytest_flink_agents.provision.variant import SESSION_CLUSTER, ClusterVariant
from pytest_flink_agents.settings import Settings

if TYPE_CHECKING:
    from pytest_flink_agents.provision.containers import ContainerParts


class JobParts:
    """The job dependencies for one Flink release and list of requirements.

    None is a running process.

    ``directory`` takes logs and cluster files; ``folder`` holds it and everything else that jobs
    read and write. ``python`` is the minor version of Python, empty for the session's.
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
        folder: Path | None = None,
        python: str = "",
    ) -> None:
        self.release = release
        self._python = python
        self.settings = settings
        self.requirements = requirements
        self.run_id = run_id
        self.directory = directory
        self.folder = folder or directory
        self.progress = progress
        self._once = MadeOnce()

    @property
    def environment(self) -> JobEnvironment:
        """The job environment."""
        return self._once.get("environment", self._provide_environment)

    @property
    def has_environment(self) -> bool:
        """True if the job environment exists already."""
        return bool(self._given_python) or cached_environment(plan_environment(self._request)) is not None

    @property
    def _request(self) -> EnvironmentRequest:
        return EnvironmentRequest(self.release, self.settings.flink_agents, self.requirements, self._python)

    @property
    def _given_python(self) -> Path | None:
        """The interpreter of an environment that was given, which holds one version of Python."""
        return None if self._python else self.settings.job_python

    def _provide_environment(self) -> JobEnvironment:
        if self._given_python:
            return self._require_release(existing_environment(self._given_python))
        return provide_environment(self._request, progress=self.progress)

    def _require_release(self, environment: JobEnvironment) -> JobEnvironment:
        """Return an existing environment if it holds the session's Flink version."""
        if environment.flink_version == self.release.version:
            return environment
        raise HostError(
            Problem(
                "FA417",
                "the job environment holds another Flink",
                where=str(environment.python),
                expected=f"apache-flink {self.release.version}",
                seen=f"apache-flink {environment.flink_version}",
                next_step=f"use the installed version: --flink-version={environment.flink_version}",
            )
        )

    @property
    def engine(self) -> ChosenEngine:
        """The engine that executes agents on this Flink."""
        return self._once.get("engine", lambda: choose_engine(self.settings.engine, self.environment))

    def provide_java_agents(self) -> Path:
        """Provide what a Java agent needs, and return its jar. Raises ``HostError`` FA424 without upstream's engine."""
        require_java(self.engine, self.environment)
        return self.java_agent_classes

    @property
    def java_agent_classes(self) -> Path:
        """The jar with the classes between a Java agent and the records of a run."""
        return self._once.get(
            "classes for Java agents",
            lambda: provide_agent_classes(self.environment, self.engine.jars, self.java, self.progress),
        )

    @property
    def java_bridge(self) -> tuple[Path, ...]:
        """The jars that the bundled engine's JVM for Java parts needs, besides the user's."""
        return self._once.get("bridge to Java", lambda: provide_bridge(self.environment, self.java, self.progress))

    @property
    def java(self) -> JavaRuntime:
        """A Java that this Flink supports."""
        return self._once.get("java", lambda: provide_java(self.release.line, progress=self.progress))

    @property
    def connector(self) -> Path:
        """The jar of Flink's Kafka connector for this Flink."""
        return self._once.get("connector", lambda: provide_connector(self.release.line, progress=self.progress))

    @property
    def source_connector(self) -> tuple[Path, ...]:
        """The jars of the connector for a source before an agent: a corrected class, then the connector."""
        made = self._once.get(
            "corrected connector",
            lambda: provide_patched(self.connector, BOUNDED_AFTER_RESTORE, progress=self.progress),
        )
        return (made, self.connector) if made else (self.connector,)

    def provide_connector(self) -> Path:
        """Fetch the connector's jar before a run needs it, and return it."""
        return self.connector

    @property
    def import_roots(self) -> tuple[Path, ...]:
        """The directories that jobs import from.

        They are the bundled runtime, the project's root and pytest's ``pythonpath``.

        Packages of the harness are not among them: a job must not find more here than it finds in
        production.
        """
        return (provide_runtime_zip(), self.settings.root, *self.settings.python_path)

    @property
    def shipment(self) -> tuple[Path, ...]:
        """The import roots as files that travel with a job.

        For clusters that do not see this machine's files: the runtime, and copies of the other
        roots.
        """
        runtime, *roots = self.import_roots
        return self._once.get("shipment", lambda: (runtime, *(provide_shipment(root) for root in roots)))

    def job_environment_variables(self, **extra: str) -> dict[str, str]:
        """Return the environment variables of the processes that run a job's code."""
        return clean_environment(PYTHONPATH=os.pathsep.join(map(str, self.import_roots)), **extra)

    @property
    def flink_home(self) -> FlinkHome:
        """Flink's programs, and the directories that its Python workers import from."""
        environment, java = self.environment, self.java
        return FlinkHome(
            environment.flink_home,
            environment.flink_version,
            java.java,
            java.version,
            environment.python,
            (*self.import_roots, environment.site_packages),
        )

    @property
    def containers(self) -> ContainerParts:
        """The container engine and the image of this environment."""
        return self._once.get("containers", self._provide_containers)

    def _provide_containers(self) -> ContainerParts:
        # Imported here: a session without containers needs no event loop.
        from pytest_flink_agents.provision.containers import provide_containers

        return provide_containers(
            self.settings,
            self.release,
            self.environment,
            roots=self.import_roots,
            run_id=self.run_id,
            folder=self.folder,
            progress=self.progress,
        )

    def unused_directory(self, name: str) -> Path:
        """Return a new directory with this name.

        A number is added if an earlier cluster has used the name: its logs are evidence.
        """
        number = next(number for number in itertools.count(1) if not self._numbered(name, number).exists())
        return self._numbered(name, number)

    def _numbered(self, name: str, number: int) -> Path:
        return self.directory / (name if number == 1 else f"{name}-{number}")

    def cluster_config(self, variant: ClusterVariant = SESSION_CLUSTER) -> ClusterConfig:
        """Return the configuration of the session's cluster, or of its variant.

        It has slots for all processes of the session: a job that waits for slots would miss its
        deadline.
        """
        slots = max(ClusterConfig().slots, self.settings.processes * self.settings.parallelism, variant.slots)
        return ClusterConfig(
            slots=slots,
            high_availability=variant.high_availability,
            rpc_proxy=variant.rpc_proxy,
            flink_options=dict(variant.options),
        )

    def with_engine(self, config: ClusterConfig, java_version: str) -> ClusterConfig:
        """Return the configuration with the engine's additions.

        Options of the configuration win.
        """
        added = engine_settings(self.engine, java_version)
        return dataclasses.replace(
            config,
            flink_options={**added.flink_options, **config.flink_options},
            classes=(*added.classes, *config.classes),
            java_flags=(*added.java_flags, *config.java_flags),
        )

    def digests(self) -> dict[str, str]:
        """Return the digests of the parts that were made: packages of the job environment, engine and jars."""
        environment, engine, connector = (self._once.made(name) for name in ("environment", "engine", "connector"))
        if not isinstance(environment, JobEnvironment):
            # Nothing can have run.
            return {}
        digests = {f"package {name}": one for name, one in package_digests(environment.site_packages).items()}
        digests["engine bundled"] = file_digest(provide_runtime_zip())
        if isinstance(engine, ChosenEngine) and engine.jars:
            digests |= {f"engine {engine.name} {name}": f"sha256:{one}" for name, one in engine.digests().items()}
        if isinstance(connector, Path):
            digests[f"jar {connector.name}"] = file_digest(connector)
        return digests

    def facts(self) -> dict[str, str]:
        """Return the versions of the parts that were made, for the report."""
        facts: dict[str, str] = {}
        environment, java, engine = (self._once.made(name) for name in ("environment", "java", "engine"))
        if isinstance(environment, JobEnvironment):
            facts["job environment"] = (
                f"Python {environment.python_version}, apache-flink {environment.flink_version}, "
                f"flink-agents {environment.flink_agents_version}"
            )
        if isinstance(engine, ChosenEngine) and isinstance(environment, JobEnvironment):
            facts["engine"] = engine.in_words()
            unread = f"unknown: {environment.upstream_reason or 'the engine is not upstream'}"
            facts["plan: round trip"] = "a check of each agent" if engine.jars else unread
        if isinstance(java, JavaRuntime):
            facts["Java"] = f"{java.version} from {java.source}"
        return facts
