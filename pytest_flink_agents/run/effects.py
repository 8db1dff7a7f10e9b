"""The calls that the ledger recorded in one run, as evidence."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.evidence.model import Evidence

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun


def effect_urls(ledger: LedgerRun | None) -> dict[str, str]:
    """Return the values of the placeholders ``${effects.NAME.url}``."""
    return {f"effects.{name}.url": url for name, url in ledger.urls.items()} if ledger else {}


def with_effects(evidence: Evidence, ledger: LedgerRun | None) -> Evidence:
    """Return the evidence with the calls of a run that has ended; unchanged without a ledger."""
    if ledger is None:
        return evidence
    history = ledger.history
    files = {**evidence.files, "effects": str(ledger.file)}
    return dataclasses.replace(evidence, effects=history.entries, effects_unknown=history.unknown, files=files)


def incomplete_record(file: str, reason: str) -> HostError:
    """Return the error about a record of calls that may miss some: nothing is known of the run then."""
    message = "the record of the agent's calls is not whole: nothing is known of this run"
    return HostError(Problem("FA427", message, where=file, expected="every call", seen=reason))
