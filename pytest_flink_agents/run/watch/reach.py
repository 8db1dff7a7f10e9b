"""Detect that a cluster cannot reach the files of a run."""

from __future__ import annotations

from pathlib import Path

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import FlinkCluster

# What Flink says of a source whose file is not there, and of a sink that may not write.
_OUT_OF_REACH = ("FileNotFoundException", "Mkdirs failed to create", "AccessDeniedException", "NoSuchFileException")


def require_reach(cluster: FlinkCluster, exception: str, directory: Path) -> None:
    """Raise ``HostError`` FA446 if a remote cluster does not see ``directory``.

    ``exception`` is the job's, empty if it has none. This is not a failure of the job: the run is
    *unknown*.
    """
    if cluster.processes is None and str(directory) in exception:
        line = next((line for line in exception.splitlines() if any(word in line for word in _OUT_OF_REACH)), "")
        if line:
            raise HostError(
                Problem(
                    "FA446",
                    "the cluster does not see this machine's files",
                    where=str(directory),
                    expected=f"the same directory on the machines of {cluster.rest_url}",
                    seen=line.strip()[:300],
                    next_step="put the run folder where both see it: --flink-report-dir=DIR on a shared file system",
                )
            )
