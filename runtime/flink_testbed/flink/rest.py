"""Flink's REST interface: every call bounded in time and size, every answer checked."""

from __future__ import annotations

from typing import Any

import requests

from flink_testbed.core.problem import HostError, Problem

TERMINAL_STATES = frozenset({"FINISHED", "FAILED", "CANCELED", "SUSPENDED"})


class RestUnavailableError(HostError):
    """Nothing that speaks Flink's REST answers at the address."""


class RestClient:
    """Calls to one JobManager. ``timeout_s`` bounds each of them."""

    def __init__(self, url: str, timeout_s: float = 10.0) -> None:
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._http = requests.Session()
        # A proxy of the environment is never the way to a cluster on loopback.
        self._http.trust_env = False

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def call(self, method: str, path: str, *, timeout_s: float | None = None, **arguments: Any) -> Any:
        """One call; JSON in, JSON out. Raises :class:`RestUnavailableError`, or :class:`HostError` on an error status."""
        url = self.url + path
        try:
            answer = self._http.request(
                method, url, timeout=timeout_s or self._timeout_s, allow_redirects=False, **arguments
            )
        except requests.RequestException as error:
            raise RestUnavailableError(
                Problem(
                    "FA404",
                    "no answer from Flink's REST",
                    where=url,
                    seen=type(error).__name__,
                    next_step="see the JobManager's log",
                )
            ) from error
        if answer.status_code == 503:
            # A JobManager that has not won its own leader election yet says so; it will.
            raise RestUnavailableError(Problem("FA404", "Flink is not ready", where=url, seen=answer.text[:200]))
        if not answer.ok:
            raise HostError(
                Problem(
                    "FA405",
                    f"Flink refused {method} {path}",
                    where=url,
                    seen=f"status {answer.status_code}",
                    detail=answer.text[:4000],
                )
            )
        try:
            return answer.json() if answer.content else {}
        except ValueError as error:
            raise RestUnavailableError(
                Problem("FA404", "the answer is not Flink's", where=url, expected="JSON", seen=answer.text[:200])
            ) from error

    def overview(self) -> dict[str, Any]:
        """The cluster: ``taskmanagers``, ``slots-total``, ``slots-available``, ``flink-version``, counts of jobs."""
        return dict(self.call("GET", "/overview"))

    def jobs(self) -> list[dict[str, Any]]:
        """All jobs the cluster knows: ``jid``, ``name``, ``state``, times in ms since 1970."""
        return list(self.call("GET", "/jobs/overview")["jobs"])

    def job(self, job_id: str) -> dict[str, Any]:
        """One job with its vertices."""
        return dict(self.call("GET", f"/jobs/{job_id}"))

    def job_state(self, job_id: str) -> str:
        """The job's state (``RUNNING``, ``FINISHED``, ...)."""
        return str(self.call("GET", f"/jobs/{job_id}/status")["status"])

    def root_exception(self, job_id: str) -> str:
        """The stack trace of what failed the job first, empty where nothing did."""
        history = self.call("GET", f"/jobs/{job_id}/exceptions", params={"maxExceptions": 5})
        entries = history.get("exceptionHistory", {}).get("entries", [])
        return str(entries[0]["stacktrace"]) if entries else str(history.get("root-exception") or "")

    def cancel(self, job_id: str) -> None:
        """Ask for the job's cancellation; returns before it is done."""
        self.call("PATCH", f"/jobs/{job_id}", params={"mode": "cancel"})

    def vertex_metrics(self, job_id: str, vertex_id: str) -> dict[str, str]:
        """All metrics of one vertex: ``<subtask>.<operator>.<metric>`` to its value as text."""
        path = f"/jobs/{job_id}/vertices/{vertex_id}/metrics"
        names = [metric["id"] for metric in self.call("GET", path)]
        found: dict[str, str] = {}
        for start in range(0, len(names), 50):
            chunk = ",".join(names[start : start + 50])
            found |= {metric["id"]: metric["value"] for metric in self.call("GET", path, params={"get": chunk})}
        return found
