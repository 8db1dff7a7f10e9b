"""Flink's REST API: calls with bounded time and size, and checked answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.access import CA, TOKEN, RestAccess

# Loaded with the first client: sessions without Flink would wait for it, too.
if TYPE_CHECKING:
    import requests

TERMINAL_STATES = frozenset({"FINISHED", "FAILED", "CANCELED", "SUSPENDED"})
# A call may fail on a busy network or while a new JobManager takes over; after this long without
# any answer the cluster counts as gone.
SILENT_S = 20.0


class RestUnavailableError(HostError):
    """No Flink REST API answers at the address, or not yet."""


# Flink itself answers 503; the others are the answers of a proxy that cannot reach it.
_UNAVAILABLE = (502, 503, 504)
# Flink's exception about a job that is not initialized yet; its REST API answers 500 then.
_NOT_YET = "UnavailableDispatcherOperationException"
# Flink's REST has no range requests: to see the end of a log, all of it is read, up to these
# limits.
_READ_BYTES = 1 << 26
_KEPT_BYTES = 1 << 22
_READ_S = 30.0
_CHUNK_BYTES = 1 << 16
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


class RestClient:
    """Calls to one JobManager.

    ``timeout_s`` bounds each of them; ``access`` has the token and TLS files, if the cluster needs
    any.
    """

    def __init__(self, url: str, timeout_s: float = 10.0, *, access: RestAccess | None = None) -> None:
        import requests

        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        # Called for the detail of an error if REST does not answer; clusters set it to the ends of
        # their logs.
        self.tail: Callable[[], str] = str
        self._http = requests.Session()
        # Proxy variables of the environment would also apply to a cluster on loopback.
        self._http.trust_env = False
        if access:
            self._http.headers.update(access.headers)
            self._http.verify = str(access.ca) if access.ca else True
            self._http.cert = (str(access.certificate), str(access.key)) if access.certificate else None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, path: str, *, timeout_s: float | None = None, **arguments: Any) -> Any:
        """Make one call and return the parsed JSON of its answer.

        Raises :class:`RestUnavailableError` without an answer from Flink, :class:`HostError` for an
        error status.
        """
        answer = self._answer(method, path, timeout_s=timeout_s, **arguments)
        url = self.url + path
        try:
            return answer.json() if answer.content else {}
        except ValueError as error:
            raise RestUnavailableError(
                Problem("FA404", "Flink did not send the answer", where=url, expected="JSON", seen=answer.text[:200])
            ) from error

    def _answer(self, method: str, path: str, *, timeout_s: float | None = None, **arguments: Any) -> requests.Response:
        """Make one call, check the status and return the answer.

        With ``stream=True`` the caller reads and closes it.
        """
        import requests

        url, timeout_s = self.url + path, timeout_s or self._timeout_s
        try:
            answer = self._http.request(method, url, timeout=timeout_s, allow_redirects=False, **arguments)
        except requests.exceptions.SSLError as error:
            raise HostError(
                Problem(
                    "FA444",
                    "the TLS connection to Flink's REST API failed",
                    where=url,
                    seen=str(error)[:300],
                    next_step=f"set {CA} to the file of the authority that signed the certificate",
                )
            ) from None
        except requests.RequestException as error:
            raise RestUnavailableError(
                Problem(
                    "FA404",
                    "Flink's REST API does not answer",
                    where=url,
                    expected=f"an answer to {method} within {timeout_s:g} s",
                    seen=type(error).__name__,
                    next_step="read the JobManager's log",
                    detail=self.tail(),
                )
            ) from None
        if answer.status_code in _UNAVAILABLE or (answer.status_code == 500 and _NOT_YET in answer.text):
            # A new JobManager answers so before its leader election, and before it has recovered
            # the jobs.
            raise RestUnavailableError(Problem("FA404", "Flink is not ready", where=url, seen=answer.text[:200]))
        if answer.status_code in (401, 403):
            raise HostError(
                Problem(
                    "FA444",
                    "Flink's REST API refuses the request without valid credentials",
                    where=url,
                    seen=f"status {answer.status_code}",
                    next_step=f"set {TOKEN} to the token of the cluster",
                )
            )
        if not answer.ok:
            raise HostError(
                Problem(
                    "FA405",
                    f"Flink refused {method} {path}",
                    where=url,
                    seen=f"status {answer.status_code}",
                    detail=_reason(answer)[:4000],
                )
            )
        return answer

    def text(self, path: str, *, skip_bytes: int = 0, keep_bytes: int = _KEPT_BYTES) -> bytes:
        """Return the last ``keep_bytes`` of a text, without its first ``skip_bytes``.

        Reads at most 64 MiB or for half a minute; the end of a longer text is missing.
        """
        import requests

        deadline = clock.now_s() + _READ_S
        kept, read = b"", 0
        with self._answer("GET", path, stream=True) as answer, contextlib.suppress(requests.RequestException):
            for chunk in answer.iter_content(_CHUNK_BYTES):
                fresh = chunk[max(0, skip_bytes - read) :]
                read += len(chunk)
                kept = (kept + fresh)[-keep_bytes:]
                if read >= _READ_BYTES or clock.now_s() >= deadline:
                    break
        return kept

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


def _reason(answer: requests.Response) -> str:
    """Return Flink's ``errors``, often stack traces, or the whole text."""
    try:
        return "\n".join(map(str, answer.json()["errors"]))
    except (ValueError, KeyError, TypeError):
        return answer.text
