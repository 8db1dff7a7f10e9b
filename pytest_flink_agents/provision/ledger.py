"""The session's effects ledger."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.ledger.routes import Route

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import EffectLedger, LedgerRun
    from flink_testbed.ledger.recording import Recording


class SessionLedger:
    """An effects ledger that starts on first use and ends with the session; ``directory`` takes its log."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ledger: EffectLedger | None = None

    @property
    def port(self) -> int | None:
        """The port of the ledger, None before the first use."""
        return self._ledger.port if self._ledger else None

    def provide(self) -> EffectLedger:
        """Return the running effects ledger; one that died is replaced.

        Raises ``HostError`` if it does not start.
        """
        if self._ledger is None or not self._ledger.usable:
            if self._ledger:
                self._ledger.close()
            from flink_testbed.ledger.ledger import EffectLedger

            self._ledger = EffectLedger(self._directory)
        return self._ledger

    @contextlib.contextmanager
    def serve(
        self, routes: Sequence[Route], directory: Path, recording: Recording | None = None
    ) -> Iterator[LedgerRun | None]:
        """Serve a run's endpoints; its calls go to a file in ``directory``. None without routes.

        With a ``recording`` of an earlier run, only calls that this run made are answered.
        """
        if not routes:
            yield None
            return
        with self.provide().run(routes, directory / "effects.jsonl", recording) as run:
            yield run

    @contextlib.contextmanager
    def shadow(
        self, of: LedgerRun | None, routes: Sequence[Route], directory: Path, *, exact: bool
    ) -> Iterator[LedgerRun | None]:
        """Serve a run's endpoints to a second version, whose calls are held back. None if the run has none.

        Calls are the same if their content is, or without ``exact`` if endpoint and method are.
        """
        if of is None:
            yield None
            return
        with self.provide().shadow(of, routes, directory / "effects-in-shadow.jsonl", exact=exact) as run:
            yield run

    def close(self) -> None:
        """End the ledger, if it was started."""
        if self._ledger:
            self._ledger.close()
        self._ledger = None
