"""Clusters from one session to the next: what must be equal, taking one over, what is said of one that was left."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from flink_testbed.artifacts.shipment import python_files
from flink_testbed.core.problem import HostError
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.config import ClusterConfig
from flink_testbed.flink.remote import RemoteCluster
from flink_testbed.flink.standalone import FlinkHome
from flink_testbed.ownership.detached import DetachedService, claim_detached

# A session that takes a cluster over must be able to count on it.
_LEFT_S = 1800.0
_CANCEL_S = 20.0


def digest_of_cluster(home: FlinkHome, config: ClusterConfig) -> str:
    """What a cluster is made of, code included: its workers' interpreter keeps every module that it has ever imported."""
    digest = hashlib.sha256(repr((home, config)).encode())
    for path in (*home.python_path, *config.classes):
        for file in python_files(path) if path.is_dir() and path.name != "site-packages" else [path]:
            stat = file.stat()
            digest.update(f"\0{file}\0{stat.st_size}\0{stat.st_mtime_ns}".encode())
    return digest.hexdigest()


class ReusedCluster(RemoteCluster):
    """A cluster that an earlier session has left, used by this one alone until :meth:`close`."""

    def __init__(self, kept: DetachedService, lock: FileLock, home: FlinkHome, run_id: str) -> None:
        access = RestAccess(kept.address)
        directory = Path(kept.directory)
        super().__init__(access, home.java.parent.parent, kept.version, run_id=run_id, directory=directory)
        self._lock = lock

    def summary(self) -> str:
        """Describe the cluster in one line for the report, with its address."""
        return f"{super().summary()}, left by an earlier session at {self.rest_url}"

    def close(self) -> None:
        """Let go of it: it stays until its time is over."""
        super().close()
        self._lock.release()


def reuse(digest: str, home: FlinkHome, run_id: str, progress: Callable[[str], None]) -> ReusedCluster | None:
    """A cluster that was left and is made of the same; jobs that still run there are cancelled. One that is ill is ended."""
    while taken := claim_detached(digest, min_left_s=_LEFT_S):
        kept, lock = taken
        cluster = ReusedCluster(kept, lock, home, run_id)
        try:
            cluster.connect()
            cluster.wait_ready()
            for job in cluster.jobs():
                if not job.ended:
                    cluster.adopt(job.id)
                    cluster.cancel(job.id, timeout_s=_CANCEL_S)
        except HostError as error:
            progress(f"the cluster left at {kept.address} is not usable: {error.problems[0].message}")
            cluster.rest.close()
            lock.release()
            kept.end()
            continue
        progress(f"Flink {kept.version}: using the cluster that an earlier session left at {kept.address}")
        return cluster
    return None


def left_lines(kept: DetachedService) -> list[str]:
    """How to look at what was left."""
    first = f"left running for 2 hours: {kept.what} {kept.version} at {kept.address}"
    directory = Path(kept.directory, "log")
    logs = [f"  logs: {directory}"] if directory.is_dir() else []
    logs += [f"  logs: docker logs {name}" for name in kept.containers]
    use = [f"  use:  --kafka-bootstrap={kept.address}"] if kept.what == "Kafka" else []
    return [first, *logs, *use, "  end:  flink-agents-gate sweep --kept"]
