"""The object behind the fixture ``effects``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.effects import incomplete_record
from pytest_flink_agents.scenario.effects import read_effects

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun


class ServedEndpoints:
    """Endpoints on loopback, from :meth:`Endpoints.serve` to the end of its block."""

    def __init__(self, ledger: LedgerRun) -> None:
        self._ledger = ledger

    @property
    def urls(self) -> Mapping[str, str]:
        """The address of each endpoint, by its name."""
        return self._ledger.urls

    @property
    def calls(self) -> tuple[EffectCall, ...]:
        """The calls so far; after the block, all of them.

        Raises ``HostError`` if some may be missing: the ledger ended, or a call could not be
        written.
        """
        history = self._ledger.history if self._ledger.ended else self._ledger.so_far()
        if history.unknown:
            raise incomplete_record(str(self._ledger.file), history.unknown)
        return history.entries


class Endpoints:
    """Serves endpoints to programs that ``agent_runner`` does not start.

    The files of the calls are written below ``folder``.
    """

    def __init__(self, services: Services, folder: Path) -> None:
        self._services = services
        self._folder = folder
        self._served = 0

    @contextmanager
    def serve(self, effects: Sequence[Mapping[str, Any]]) -> Iterator[ServedEndpoints]:
        """Serve endpoints, in the form of a scenario's ``effects``, for the duration of a block.

        Raises ``ValueError`` for a wrong or missing endpoint, ``HostError`` if the ledger does not
        start.
        """
        routes = read_effects(effects)
        if not routes:
            raise ValueError("effects: at least one endpoint is needed")
        self._served += 1
        directory = self._folder / f"effects-{self._served}"
        directory.mkdir(parents=True, exist_ok=True)
        with self._services.ledger.serve(routes, directory) as ledger:
            assert ledger is not None
            yield ServedEndpoints(ledger)
