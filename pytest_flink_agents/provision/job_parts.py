"""What jobs of one (Flink release, requirements) are made of: environment, engine, Java, jars, the places they import from.

Each part is made when it is first asked for and kept for the session. A part that could not be made is not tried
again: the second scenario gets the same error at once.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from flink_testbed.artifacts.environments import (
    EnvironmentRequest,
    JobEnvironment,
    existing_environment,
    provide_environment,
)
from flink_testbed.artifacts.jars import provide_connector
from flink_testbed.artifacts.java import JavaRuntime, provide_java
from flink_testbed.artifacts.runtime_zip import provide_runtime_zip
from flink_testbed.artifacts.shipment import provide_shipment
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.standalone import FlinkHome
from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.provision.engine_choice import ChosenEngine, choose_engine
from pytest_flink_agents.settings import Settings

T = TypeVar("T")


def unwritable(error: OSError, next_step: str) -> HostError:
    """A file or directory of ours that this machine does not let us make."""
    where = str(error.filename or "")
    return HostError(
        Problem(
            "FA422",
            "cannot write here",
            where,
            "a directory that this user may write to",
            str(error.strerror),
            next_step,
        )
    )


class Provisions:
    """The parts for one Flink release and one list of requirements. Nothing of them runs."""

    def __init__(
        self,
        settings: Settings,
        release: FlinkRelease,
        requirements: tuple[str, ...],
        progress: Callable[[str], None],
    ) -> None:
        self.release = release
        self.settings = settings
        self._requirements = requirements
        self._progress = progress
        self._made: dict[str, object] = {}

    def _once(self, name: str, make: Callable[[], T]) -> T:
        """The part's value, or its first error again."""
        if name not in self._made:
            try:
                self._made[name] = make()
            except HostError as error:
                self._made[name] = error
            except OSError as error:
                self._made[name] = unwritable(error, "name another place with FLINK_AGENTS_TEST_CACHE_DIR")
        value = self._made[name]
        if isinstance(value, HostError):
            raise value
        return value  # type: ignore[return-value]  # what make() returned under this name

    @property
    def environment(self) -> JobEnvironment:
        """The job environment."""
        return self._once("environment", self._provide_environment)

    def _provide_environment(self) -> JobEnvironment:
        if self.settings.job_python:
            return self._as_asked(existing_environment(self.settings.job_python))
        request = EnvironmentRequest(self.release, self.settings.flink_agents, self._requirements)
        return provide_environment(request, progress=self._progress)

    def _as_asked(self, environment: JobEnvironment) -> JobEnvironment:
        """An environment that was handed in must hold the Flink version that the evidence will speak of."""
        if environment.flink_version == self.release.version:
            return environment
        raise HostError(
            Problem(
                "FA417",
                "the job environment holds another Flink",
                where=str(environment.python),
                expected=f"apache-flink {self.release.version}",
                seen=f"apache-flink {environment.flink_version}",
                next_step=f"ask for the one that is there: --flink-version={environment.flink_version}",
            )
        )

    @property
    def engine(self) -> ChosenEngine:
        """What executes agents on this workplace's Flink."""
        return self._once("engine", lambda: choose_engine(self.settings.engine, self.environment))

    @property
    def java(self) -> JavaRuntime:
        """A Java for this Flink."""
        return self._once("java", lambda: provide_java(self.release.line, progress=self._progress))

    @property
    def connector(self) -> Path:
        """The jar of Flink's Kafka connector for this Flink."""
        return self._once("connector", lambda: provide_connector(self.release.line, progress=self._progress))

    @property
    def import_roots(self) -> tuple[Path, ...]:
        """Where jobs import from: the bundled runtime, the project, pytest's ``pythonpath``. Nothing else of the harness."""
        return (provide_runtime_zip(), self.settings.root, *self.settings.python_path)

    @property
    def shipment(self) -> tuple[Path, ...]:
        """What travels with a job to a cluster that does not see our files: the runtime, and copies of the other roots."""
        runtime, *roots = self.import_roots
        return self._once("shipment", lambda: (runtime, *(provide_shipment(root) for root in roots)))

    def _job_environment(self, **extra: str) -> dict[str, str]:
        return clean_environment(PYTHONPATH=os.pathsep.join(map(str, self.import_roots)), **extra)

    @property
    def flink_home(self) -> FlinkHome:
        """Flink's programs and what its Python workers import."""
        environment, java = self.environment, self.java
        return FlinkHome(
            environment.flink_home,
            environment.flink_version,
            java.java,
            java.version,
            environment.python,
            (*self.import_roots, environment.site_packages),
        )
