"""Report the calls of the session's other servers to the ledger."""

from __future__ import annotations

import http.client
import json
import threading
from dataclasses import asdict

from flink_testbed.core import clock
from flink_testbed.core.ports import LOOPBACK
from flink_testbed.ledger.entry import Seen

_TIMEOUT_S = 5.0
# Well below the time after which the ledger closes an idle connection: a call on one that has just
# been closed is lost, and cannot be repeated without the risk of recording it twice.
_IDLE_S = 20.0


class Recorder:
    """A keep-alive connection to one run of the ledger. Thread-safe.

    A call that cannot be reported does not fail the caller: :attr:`lost` says so, and the history of
    the run is unknown.
    """

    def __init__(self, port: int, secret: str) -> None:
        self._secret = secret
        self._connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_TIMEOUT_S)
        self._lock = threading.Lock()
        self._used_s = clock.now_s()
        self.lost = ""

    def record(self, seen: Seen, *, status: int | None, fault: str = "") -> None:
        """Record a call, before it is answered."""
        data = {**asdict(seen), "body": seen.body.decode("utf-8", "backslashreplace"), "status": status, "fault": fault}
        with self._lock:
            if clock.now_s() - self._used_s > _IDLE_S:
                self._connection.close()  # the request opens another
            self._used_s = clock.now_s()
            try:
                self._connection.request("POST", f"/{self._secret}", json.dumps(data))
                response = self._connection.getresponse()
                response.read()
                problem = "" if response.status == 200 else f"status {response.status}"
            except (OSError, http.client.HTTPException) as error:
                self._connection.close()
                problem = f"{type(error).__name__}: {error}"
            self.lost = self.lost or (f"a call to {seen.endpoint} could not be recorded: {problem}" if problem else "")

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
