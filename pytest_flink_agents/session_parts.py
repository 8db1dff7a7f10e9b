"""The running parts of one test session, from the first one that starts to the end of all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import HostError
from pytest_flink_agents.identity import NOT_KNOWN, Identity
from pytest_flink_agents.provision.reuse import detached_lines
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.directory import RunFolder
from pytest_flink_agents.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flink_testbed.flink.cluster_broker import BrokerAddress


@dataclass(frozen=True, slots=True)
class EndedParts:
    """The traces of parts that have ended: lines about detached ones, facts, digests, and what was left behind.

    ``used`` are directories in which detached parts go on writing.
    """

    notices: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    identity: Identity = field(default_factory=Identity)
    leaks: tuple[str, ...] = ()
    used: frozenset[Path] = frozenset()


class SessionParts:
    """The services of a session.

    ``process`` is the name of a worker of pytest-xdist, empty for a controller; ``broker`` provides a worker's clusters.
    """

    def __init__(
        self,
        settings: Settings,
        folder: RunFolder,
        redactor: Redactor,
        progress: Callable[[str], None],
        broker: BrokerAddress | None,
        process: str,
    ) -> None:
        self._settings = settings
        self._folder = folder
        self._redactor = redactor
        self._progress = progress
        self._broker = broker
        self._process = process
        self._services: Services | None = None

    @property
    def services(self) -> Services:
        """The services, each started on first use; the run folder must exist."""
        if self._services is None:
            self._services = self._new_services()
        return self._services

    def _new_services(self) -> Services:
        folder = self._folder.path
        return Services(
            self._settings,
            folder=folder,
            directory=folder / "running" / self._process,
            progress=self._progress,
            redactor=self._redactor,
            broker=self._broker,
        )

    def start_early(self, release: FlinkRelease) -> None:
        """Start the local tier's process, which needs no cluster, if nothing has started yet.

        A problem is reported by the first scenario.
        """
        if self._services:
            return
        with contextlib.suppress(OSError, HostError):
            self._folder.reserve()
            self._services = self._new_services()
            self._services.environment(release).start_worker_early()

    def end(self, *, detach: bool) -> EndedParts | None:
        """End everything that was started, except clusters that are detached; return None if nothing was."""
        services = self._services
        if services is None:
            return None
        left = services.detach() if detach else []
        notices = tuple(line for detached in left for line in detached_lines(detached))
        facts, identity = services.facts(), self._identity_of(services)
        services.close()
        self._services = None
        used = frozenset(Path(detached.directory, name) for detached in left for name in detached.scratch)
        return EndedParts(notices, facts, identity, tuple(services.leaks), used)

    def _identity_of(self, services: Services) -> Identity:
        """Return the digests of what the session used; what cannot be read must not keep anything from ending."""
        try:
            return Identity(parts=services.digests())
        except (OSError, HostError) as error:
            self._progress(f"the job environments cannot be read: {error}")
            return Identity(parts={"job environments": NOT_KNOWN})
