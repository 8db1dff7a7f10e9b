"""The session's side of the effects ledger."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from flink_testbed.core.ports import LOOPBACK
from flink_testbed.core.problem import HostError
from flink_testbed.ledger.entry import ENDED_EARLY, History, HistoryReader
from flink_testbed.ledger.recorder import Recorder
from flink_testbed.ledger.recording import Recording
from flink_testbed.ledger.routes import Route, routes_as_data
from flink_testbed.ownership.process import GuardedProcess, clean_environment
from flink_testbed.responder import RefusedError, Responder

_READY_S = 60.0
_REQUEST_S = 20.0
_PROGRAM = "from flink_testbed.ledger.service import main; main()"


class LedgerRun:
    """One run's endpoints, and the history of their calls.

    ``urls`` maps the names of endpoints to their addresses; ``recorder`` takes the calls of other
    servers. The history is complete once the run has ``ended``. ``shadow`` is that of a second version of the run's agent,
    None if there is none.
    """

    def __init__(
        self, port: int, token: str, secret: str, endpoints: Iterable[str], file: Path, usable: Callable[[], bool]
    ) -> None:
        self.token = token
        self.urls = {name: f"http://{LOOPBACK}:{port}/{token}/{name}" for name in endpoints}
        self.recorder = Recorder(port, secret)
        self.file = file
        self._reader = HistoryReader(file)
        self._usable = usable
        self.history = History(unknown="the run has not ended")
        self.ended = False
        self.shadow: ShadowRun | None = None

    def so_far(self) -> History:
        """Return the calls that have been answered, during the run."""
        history = self._reader.read(None)
        if history.unknown == ENDED_EARLY and self._usable():
            history = replace(history, unknown="")
        return replace(history, unknown=self.recorder.lost or history.unknown)

    def end(self, written: int | None, broken: str) -> None:
        """Complete the history with the calls since the last look.

        ``written`` is how many calls the ledger wrote, None if unknown; ``broken`` says why some may
        be missing.
        """
        history = self._reader.read(written)
        self.history = History(history.entries, broken or self.recorder.lost or history.unknown)
        self.ended = True
        self.recorder.close()


class ShadowRun(LedgerRun):
    """The endpoints of a version whose calls are held back, until :meth:`release`.

    Its calls are answered as those of the version that serves were, each as often as that made it, or refused. They are
    in a file of their own; after the release they are calls of the run like all others.
    """

    def __init__(self, *run: Any, release: Callable[[], None], waiting: Callable[[], int]) -> None:
        super().__init__(*run)
        self.release = release
        # The number of calls that have no answer yet, and are in no file.
        self.waiting = waiting


class EffectLedger:
    """The process of a session that records calls.

    ``directory`` is for its log. Raises :class:`HostError` if it does not start.
    """

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._process = Responder(
            [sys.executable, "-c", _PROGRAM],
            name="effects ledger",
            log=directory / "effects-ledger.log",
            env=clean_environment(),
            # An own directory: Python searches modules in it, and the user's may have the names of libraries.
            cwd=directory,
        )
        self.port: int = self._process.wait_ready(_READY_S)["port"]

    @property
    def usable(self) -> bool:
        """True while the process runs and answers."""
        return self._process.usable

    @property
    def process(self) -> GuardedProcess:
        """The guarded process."""
        return self._process.process

    @contextmanager
    def run(self, routes: Iterable[Route], file: Path, recording: Recording | None = None) -> Iterator[LedgerRun]:
        """Serve routes for the duration of a run, whose calls go to ``file``.

        With a ``recording`` of an earlier run, only calls that this run made are answered.

        Raises :class:`HostError` if the ledger does not take the routes. If it dies later, the
        history says so.
        """
        routes = tuple(routes)
        # The runtime knows by the form of the first part that a call may carry its cause.
        token, secret = f"effects-{secrets.token_hex(16)}", secrets.token_hex(16)
        names = {"token": token, "secret": secret}
        held = recording.as_data() if recording else None
        data = {"routes": routes_as_data(routes), "recording": held, "file": str(file)}
        self._process.request("open", timeout_s=_REQUEST_S, **names, **data)
        run = LedgerRun(
            self.port, token, secret, dict.fromkeys(route.endpoint for route in routes), file, lambda: self.usable
        )
        try:
            yield run
        finally:
            run.end(*self._ended(names))

    @contextmanager
    def shadow(self, of: LedgerRun, routes: Iterable[Route], file: Path, *, exact: bool = True) -> Iterator[ShadowRun]:
        """Serve the routes of a run to a second version of its agent, from addresses of its own.

        Calls are the same if their content is, or without ``exact`` if endpoint and method are.
        Raises :class:`HostError` if the ledger does not take the routes.
        """
        routes = tuple(routes)
        token, secret = f"effects-{secrets.token_hex(16)}", secrets.token_hex(16)
        names = {"token": token, "secret": secret}
        data = {"of": of.token, "routes": routes_as_data(routes), "file": str(file), "exact": exact}
        self._process.request("shadow", timeout_s=_REQUEST_S, **names, **data)

        def release() -> None:
            self._process.request("release", timeout_s=_REQUEST_S, **names, of=of.token)

        def waiting() -> int:
            return int(self._process.request("waiting", timeout_s=_REQUEST_S, **names)["waiting"])

        endpoints = dict.fromkeys(route.endpoint for route in routes)
        place = (self.port, token, secret, endpoints, file, lambda: self.usable)
        run = ShadowRun(*place, release=release, waiting=waiting)
        of.shadow = run
        try:
            yield run
        finally:
            run.end(*self._ended(names))

    def _ended(self, names: dict[str, str]) -> tuple[int | None, str]:
        """End a run; return the number of calls written, if known, and why some may be missing."""
        written, broken = None, ""
        try:
            if self.usable:
                ended = self._process.request("close", timeout_s=_REQUEST_S, **names)
                written, broken = ended["written"], ended["broken"]
        except HostError as error:
            broken = f"{ENDED_EARLY}: {error}".splitlines()[0]
        except RefusedError as error:
            broken = f"the effects ledger did not end the run: {error}".splitlines()[0]
        return written, broken

    def close(self) -> None:
        """End the process."""
        self._process.kill()
