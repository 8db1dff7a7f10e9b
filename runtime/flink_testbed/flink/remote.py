"""An external cluster, reached through the address of its REST API.

Nothing is started, and only jobs of this run are cancelled.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.logs import RestLogs
from flink_testbed.flink.rest import SILENT_S, RestClient
from flink_testbed.flink.rest_connection import RestUnavailableError

_CLOSE_S = 20.0
# The interpreter of Python workers on other machines: the one on their PATH.
_WORKER_PYTHON = "python3"


class RemoteCluster(FlinkCluster):
    """An external session cluster.

    ``flink_version`` is the requested version; :meth:`connect` checks that the cluster has it. The
    key stores of Flink's client are written to ``directory``, with the ``keytool`` of
    ``java_home``.
    """

    def __init__(
        self, access: RestAccess, java_home: Path, flink_version: str, *, run_id: str, directory: Path
    ) -> None:
        super().__init__(flink_version=flink_version, run_id=run_id, directory=directory)
        self._java_home = java_home
        self._access = access
        self.client_environment = access.client_environment()
        self.shares_files = access.is_this_machine
        self.worker_python = "" if self.shares_files else _WORKER_PYTHON
        self._rest = RestClient(access.url, access=access)
        self._logs = RestLogs(self._rest)

    @property
    def rest(self) -> RestClient:
        """The REST client of the cluster."""
        return self._rest

    @property
    def logs(self) -> RestLogs:
        """The logs that REST offers."""
        return self._logs

    def connect(self) -> None:
        """Check that the cluster answers and has the requested Flink version.

        Raises :class:`HostError` FA404, FA410 or FA443.
        """
        started = clock.now_s()
        self.require_alive()
        seen = str(self.rest.overview()["flink-version"])
        resolve_flink(seen)
        if seen != self.flink_version:
            raise HostError(
                Problem(
                    "FA443",
                    "the cluster runs another Flink version than the requested one",
                    where=self.rest_url,
                    expected=self.flink_version,
                    seen=seen,
                    next_step=f"request its version: --flink-version={seen}",
                )
            )
        self.client_options = self._options_of_client()
        self.startup_s = clock.now_s() - started

    def _options_of_client(self) -> Mapping[str, str]:
        return self._access.client_options(self._java_home, self.directory)

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
                what=f"an answer of Flink's REST API at {self.rest_url}",
                timeout_s=SILENT_S,
                interval_s=0.5,
                code="FA404",
                next_step="check that the cluster is up and that --flink-rest-url is its address",
            )
        except WaitTimeoutError as error:
            # As a WaitTimeoutError it would look like the deadline of the caller's own wait.
            raise RestUnavailableError(*error.problems) from None

    def wait_ready(self, timeout_s: float | None = None) -> None:
        """Wait until the cluster has a slot."""

        def probe() -> tuple[int | None, str]:
            slots = int(self.rest.overview()["slots-total"])
            return (slots or None), f"{slots} slots"

        self.wait(probe, what="a slot", timeout_s=timeout_s or SILENT_S, code="FA406")

    def cancel(self, job_id: str, *, timeout_s: float = 20.0) -> None:
        """Cancel a job of this run.

        Raises :class:`HostError` FA440 for any other job.
        """
        if not self.is_own(job_id):
            raise HostError(
                Problem(
                    "FA440",
                    "the job was not submitted by this run, so it is not cancelled",
                    where=f"{self.rest_url}/#/job/{job_id}/overview",
                    expected=f"a job of run {self.run_id}",
                    next_step="cancel it in Flink's web UI",
                )
            )
        super().cancel(job_id, timeout_s=timeout_s)

    def close(self) -> None:
        """Cancel the running jobs of this run; change nothing else."""
        with contextlib.suppress(HostError):
            for job in self.jobs():
                if not job.ended and self.is_own(job.id):
                    with contextlib.suppress(HostError):
                        self.cancel(job.id, timeout_s=_CLOSE_S)
        self.rest.close()
