"""A connection to Flink's REST API: calls with bounded time and size, and checked answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.access import CA, TOKEN, RestAccess

# Loaded with the first connection: sessions without Flink would wait for it, too.
if TYPE_CHECKING:
    import requests

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


class RestUnavailableError(HostError):
    """No Flink REST API answers at the address, or not yet."""


class RestConnection:
    """Calls to one JobManager by path.

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
        _require_success(answer, f"{method} {path}", url)
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


def _require_success(answer: requests.Response, request: str, url: str) -> None:
    """Raise the error for an answer of another status than success."""
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
                f"Flink refused {request}",
                where=url,
                seen=f"status {answer.status_code}",
                detail=_reason(answer)[:4000],
            )
        )


def _reason(answer: requests.Response) -> str:
    """Return Flink's ``errors``, often stack traces, or the whole text."""
    try:
        return "\n".join(map(str, answer.json()["errors"]))
    except (ValueError, KeyError, TypeError):
        return answer.text
