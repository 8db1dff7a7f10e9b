"""Reuse clusters from one session to the next (``--flink-reuse``, ``--flink-keep``)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from filelock import FileLock

from flink_testbed.artifacts.importable import code_files
from flink_testbed.core.problem import HostError
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.cluster import cluster_abandoned
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.home import FlinkHome
from flink_testbed.flink.remote import RemoteCluster
from flink_testbed.flink.rest_keys import RestKeys, browser_note
from flink_testbed.ownership.detached import DetachedService, claim_detached

# A detached cluster ends by itself. One that ends in less than this might do so in the middle of
# the session.
_MIN_LEFT_S = 1800.0
_CANCEL_S = 20.0


def digest_of_cluster(home: FlinkHome, config: ClusterConfig) -> str:
    """Return a digest of everything that a cluster consists of, code included.

    The interpreters of its Python workers keep every module that they have imported, so a changed
    file of the project needs another cluster. Files count by size and time, since hashing a project
    for each session takes too long. A job environment is never changed after it was made: its path
    is enough.
    """
    digest = hashlib.sha256(repr((home, config)).encode())
    for path in (*home.python_path, *config.classes):
        for file in code_files(path) if path.is_dir() and path.name != "site-packages" else [path]:
            stat = file.stat()
            digest.update(f"\0{file}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
    return digest.hexdigest()


class ReusedCluster(RemoteCluster):
    """A detached cluster, used by this session alone until :meth:`close`.

    ``lock`` keeps other sessions out.
    """

    def __init__(self, detached: DetachedService, lock: FileLock, home: FlinkHome, run_id: str) -> None:
        directory = Path(detached.directory)
        self._keys = RestKeys.of(directory)
        access = self._keys.access(detached.address) if self._keys else RestAccess(detached.address)
        super().__init__(access, home.java.parent.parent, detached.version, run_id=run_id, directory=directory)
        self._detached = detached
        self._lock = lock
        self._abandoned = ""

    def _options_of_client(self) -> Mapping[str, str]:
        return self._keys.options() if self._keys else {}

    def require_alive(self) -> None:
        """Raise ``HostError`` if the cluster was abandoned or does not answer."""
        if self._abandoned:
            raise cluster_abandoned(self._abandoned, self.rest_url)
        super().require_alive()

    def abandon(self, reason: str) -> bool:
        """End the cluster, and name the reason to all runs that still use it."""
        self._abandoned = reason
        self._detached.end()
        return True

    def summary(self) -> str:
        """Describe the cluster in one line for the report, with its address."""
        return f"{super().summary()}, left by an earlier session at {self.rest_url}"

    def close(self) -> None:
        """Release the cluster, which runs on until its time ends."""
        super().close()
        # After the last request: from here on another session may use the cluster.
        self._lock.release()


def reuse(digest: str, home: FlinkHome, run_id: str, progress: Callable[[str], None]) -> ReusedCluster | None:
    """Return a detached cluster with this digest, None if there is none.

    Jobs that still run there are cancelled: the lock is held, so no live session owns them. A
    cluster that does not answer, or whose jobs cannot be cancelled, is ended, and the next one is
    tried.
    """
    while claimed := claim_detached(digest, min_left_s=_MIN_LEFT_S):
        detached, lock = claimed
        cluster = ReusedCluster(detached, lock, home, run_id)
        try:
            cluster.connect()
            cluster.wait_ready()
            for job in cluster.jobs():
                if not job.ended:
                    cluster.adopt(job.id)
                    cluster.cancel(job.id, timeout_s=_CANCEL_S)
        except HostError as error:
            progress(f"ending the unusable cluster at {detached.address}: {error.problems[0].message}")
            cluster.rest.close()
            lock.release()
            detached.end()
            continue
        left = f"{detached.address}{browser_note(detached.address)}"
        progress(f"Flink {detached.version}: using the cluster that an earlier session left at {left}")
        return cluster
    return None


def detached_lines(detached: DetachedService) -> list[str]:
    """Return the lines to print about a detached cluster or broker.

    They hold its address, its logs, and the commands that use and end it.
    """
    first = f"left running for 2 hours: {detached.what} {detached.version} at {detached.address}"
    first += browser_note(detached.address)
    directory = Path(detached.directory, "log")
    logs = [f"  logs: {directory}"] if directory.is_dir() else []
    logs += [f"  logs: docker logs {name}" for name in detached.containers]
    use = [f"  use:  --kafka-bootstrap={detached.address}"] if detached.what == "Kafka" else []
    return [first, *logs, *use, "  end:  flink-agents-gate sweep --kept"]
