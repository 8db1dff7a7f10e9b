"""The operations of Flink's REST API."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.flink.rest_connection import RestConnection

TERMINAL_STATES = frozenset({"FINISHED", "FAILED", "CANCELED", "SUSPENDED"})
# A call may fail on a busy network or while a new JobManager takes over; after this long without
# any answer the cluster counts as gone.
SILENT_S = 20.0
_EXCEPTIONS = 1000


@dataclass(frozen=True, slots=True)
class Job:
    """One job of the cluster.

    ``state`` is Flink's name for it: ``RUNNING``, ``FINISHED``, ...
    """

    id: str
    name: str
    state: str

    @property
    def ended(self) -> bool:
        """True if the state is final."""
        return self.state in TERMINAL_STATES


class RestClient(RestConnection):
    """The calls to one JobManager."""

    def overview(self) -> dict[str, Any]:
        """Return Flink's overview of the cluster.

        Keys: ``taskmanagers``, ``slots-total``, ``slots-available``, ``flink-version``, counts of
        jobs.
        """
        return dict(self.call("GET", "/overview"))

    def configuration(self) -> dict[str, str]:
        """Return the options of the cluster, by key.

        Flink itself masks the values of secrets.
        """
        return {str(row["key"]): str(row["value"]) for row in self.call("GET", "/jobmanager/config")}

    def taskmanagers(self) -> list[str]:
        """Return the ids of the registered TaskManagers."""
        return [str(member["id"]) for member in self.call("GET", "/taskmanagers")["taskmanagers"]]

    def process_paths(self) -> dict[str, str]:
        """Return the REST path of each process.

        Keys are ``jobmanager`` and the ids of the TaskManagers.
        """
        return {"jobmanager": "/jobmanager"} | {name: f"/taskmanagers/{name}" for name in self.taskmanagers()}

    def threads(self, process_path: str) -> str:
        """Return the stacks of all threads of one process (see :meth:`process_paths`)."""
        threads = self.call("GET", f"{process_path}/thread-dump")["threadInfos"]
        return "".join(str(thread["stringifiedThreadInfo"]) for thread in threads)

    def upload_jar(self, jar: Path, *, timeout_s: float) -> str:
        """Upload a jar; return the path below which REST has it."""
        with jar.open("rb") as file:
            files = {"jarfile": (jar.name, file, "application/x-java-archive")}
            uploaded = self.call("POST", "/jars/upload", files=files, timeout_s=timeout_s)
        return f"/jars/{str(uploaded['filename']).rpartition('/')[2]}"

    def trigger_savepoint(self, job_id: str, *, stop: bool) -> str:
        """Ask for a savepoint; return the REST path of its status.

        With ``stop`` the job ends with it.
        """
        if stop:
            asked = self.call("POST", f"/jobs/{job_id}/stop", json={"drain": False})
        else:
            asked = self.call("POST", f"/jobs/{job_id}/savepoints", json={"cancel-job": False})
        return f"/jobs/{job_id}/savepoints/{asked['request-id']}"

    def trigger_checkpoint(self, job_id: str) -> str:
        """Ask for a checkpoint; return the REST path of its status."""
        asked = self.call("POST", f"/jobs/{job_id}/checkpoints", json={"checkpointType": "CONFIGURED"})
        return f"/jobs/{job_id}/checkpoints/{asked['request-id']}"

    def jobs(self) -> list[dict[str, Any]]:
        """Return all jobs: ``jid``, ``name``, ``state``, times in ms since 1970."""
        return list(self.call("GET", "/jobs/overview")["jobs"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Return one job with its vertices."""
        return dict(self.call("GET", f"/jobs/{job_id}"))

    def job_state(self, job_id: str) -> str:
        """Return the job's state (``RUNNING``, ``FINISHED``, ...)."""
        return str(self.call("GET", f"/jobs/{job_id}/status")["status"])

    def ended_since_s(self, job_id: str) -> float | None:
        """Return for how long the job has ended, in seconds of the JobManager's clock.

        None if REST does not show the end: it may lag by ``web.refresh-interval``, and does not date
        the state ``SUSPENDED``.
        """
        job = self.job(job_id)
        ended_ms, now_ms = int(job.get("end-time", -1)), int(job.get("now", -1))
        return (now_ms - ended_ms) / 1000 if 0 < ended_ms <= now_ms else None

    def root_exception(self, job_id: str) -> str:
        """Return the stack trace of the job's latest failure, if any."""
        answer = self._exceptions(job_id, most=1)
        entries = answer["exceptionHistory"]["entries"]
        return str(entries[0]["stacktrace"]) if entries else str(answer.get("root-exception") or "")

    def exceptions(self, job_id: str) -> list[dict[str, Any]]:
        """Return the exceptions that ended or restarted the job, the latest first.

        Each has ``timestamp`` (ms since 1970), ``stacktrace`` and perhaps ``taskName``. Flink forgets
        old ones (``web.exception-history-size``).
        """
        return list(self._exceptions(job_id, most=_EXCEPTIONS)["exceptionHistory"]["entries"])

    def taskmanagers_of(self, job_id: str) -> set[str]:
        """Return the ids of the TaskManagers that a job's tasks were deployed to."""
        vertices = (
            self.call("GET", f"/jobs/{job_id}/vertices/{vertex['id']}") for vertex in self.job(job_id)["vertices"]
        )
        return {str(task["taskmanager-id"]) for vertex in vertices for task in vertex["subtasks"]}

    def last_failure_ms(self, job_id: str) -> int:
        """Return the time of the job's latest failure in milliseconds since 1970, 0 without one."""
        entries = self._exceptions(job_id, most=1)["exceptionHistory"]["entries"]
        return int(entries[0]["timestamp"]) if entries else 0

    def _exceptions(self, job_id: str, *, most: int) -> dict[str, Any]:
        return dict(self.call("GET", f"/jobs/{job_id}/exceptions", params={"maxExceptions": most}))

    def checkpoint_counts(self, job_id: str) -> dict[str, int]:
        """Return the numbers of the job's checkpoints: ``completed``, ``failed``, ``restored`` and others."""
        counts = self.checkpoints(job_id)["counts"]
        return {str(name): int(count) for name, count in counts.items()}

    def refresh_interval_s(self) -> float:
        """Return for how long Flink may show what it has read of a job, in seconds."""
        return int(self.call("GET", "/config")["refresh-interval"]) / 1000

    def checkpoints(self, job_id: str) -> dict[str, Any]:
        """Return what Flink shows of the job's checkpoints: ``counts``, ``latest`` and ``history``."""
        return dict(self.call("GET", f"/jobs/{job_id}/checkpoints"))

    def cancel(self, job_id: str) -> None:
        """Request the job's cancellation without waiting for it."""
        self.call("PATCH", f"/jobs/{job_id}", params={"mode": "cancel"})

    def vertex_metrics(
        self, job_id: str, vertex_id: str, choose: Callable[[Sequence[str]], Sequence[str]] = lambda names: names
    ) -> dict[str, str]:
        """Return the metrics of one vertex, or those that ``choose`` takes from their names.

        Keys are ``<subtask>.<operator>.<metric>``, values are strings. Every 50 of them cost a call.
        """
        path = f"/jobs/{job_id}/vertices/{vertex_id}/metrics"
        names = choose([metric["id"] for metric in self.call("GET", path)])
        found: dict[str, str] = {}
        for start in range(0, len(names), 50):
            chunk = ",".join(names[start : start + 50])
            found |= {metric["id"]: metric["value"] for metric in self.call("GET", path, params={"get": chunk})}
        return found
