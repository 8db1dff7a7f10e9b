"""A cluster that somebody else runs, by the address of its REST. Nothing is started, and nothing of others is touched."""

from __future__ import annotations

import contextlib
from pathlib import Path

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.logs import RestLogs
from flink_testbed.flink.rest import SILENT_S, RestClient, RestUnavailableError

_CLOSE_S = 20.0
# The interpreter of workers on other machines, where ours is not: what their PATH has.
_WORKERS = "python3"


class RemoteCluster(FlinkCluster):
    """A session cluster of somebody else. ``flink_version`` is the one asked for, which it must have.

    ``directory`` is ours and takes the key stores that Flink's client needs; ``java_home`` is of a Java that makes them.
    """

    def __init__(
        self, access: RestAccess, java_home: Path, flink_version: str, *, run_id: str, directory: Path
    ) -> None:
        super().__init__(flink_version=flink_version, run_id=run_id, directory=directory)
        self._java_home = java_home
        self._access = access
        self.client_environment = access.client_environment()
        self.shares_files = access.is_this_machine
        self.worker_python = "" if self.shares_files else _WORKERS
        self._rest = RestClient(access.url, access=access)
        self._logs = RestLogs(self._rest)

    @property
    def rest(self) -> RestClient:
        """The REST client of the cluster."""
        return self._rest

    @property
    def logs(self) -> RestLogs:
        """The logs that REST offers; none for a cluster that logs to standard output."""
        return self._logs

    def connect(self) -> None:
        """See that it answers, and is the Flink that was asked for. Raises :class:`HostError` FA404, FA410 or FA443."""
        started = clock.now_s()
        self.require_alive()
        seen = str(self.rest.overview()["flink-version"])
        resolve_flink(seen)
        if seen != self.flink_version:
            raise HostError(
                Problem(
                    "FA443",
                    "the cluster has another Flink than the one asked for",
                    where=self.rest_url,
                    expected=self.flink_version,
                    seen=seen,
                    next_step=f"ask for what is there: --flink-version={seen}",
                )
            )
        self.client_options = self._access.client_options(self._java_home, self.directory)
        self.startup_s = clock.now_s() - started

    def require_alive(self) -> None:
        """Raise :class:`RestUnavailableError` if REST has not answered for 20 seconds."""

        def probe() -> tuple[bool | None, str]:
            try:
                self.rest.overview()
            except RestUnavailableError as error:
                return None, str(error.problems[0].seen or error.problems[0].message)
            return True, "an answer"

        try:
            clock.wait_until(
                probe,
                what=f"Flink's REST at {self.rest_url} to answer",
                timeout_s=SILENT_S,
                interval_s=0.5,
                code="FA404",
                next_step="is the cluster up, and --flink-rest-url its address?",
            )
        except WaitTimeoutError as error:
            # Not the deadline of whoever waits for something else meanwhile.
            raise RestUnavailableError(*error.problems) from None

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until it has a slot."""

        def probe() -> tuple[int | None, str]:
            slots = int(self.rest.overview()["slots-total"])
            return (slots or None), f"{slots} slots"

        self.wait(probe, what="a slot", timeout_s=timeout_s or SILENT_S, code="FA406")

    def cancel(self, job_id: str, *, timeout_s: float = 20.0) -> None:
        """Take a job of ours off the cluster, and see it gone. Raises :class:`HostError` FA440 for any other."""
        if not self.is_own(job_id):
            raise HostError(
                Problem(
                    "FA440",
                    "the job is not ours to cancel",
                    where=f"{self.rest_url}/#/job/{job_id}/overview",
                    expected=f"a job of run {self.run_id}",
                    next_step="whoever submitted it may cancel it",
                )
            )
        super().cancel(job_id, timeout_s=timeout_s)

    def close(self) -> None:
        """Cancel our jobs that still run, and let go. Everything else stays as it was."""
        with contextlib.suppress(HostError):
            for job in self.jobs():
                if not job.ended and self.is_own(job.id):
                    with contextlib.suppress(HostError):
                        self.cancel(job.id, timeout_s=_CLOSE_S)
        self.rest.close()
