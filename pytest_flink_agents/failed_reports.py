"""The failures that pytest counts, and those among them that no result explains.

Another plugin can fail a session without a test that fails: by a report of its own, or by a count, as pytest-cov does.
pytest's exit code is then the same as that of a failure that a policy accepts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytest_flink_agents.gate import ItemResult


class FailedReports:
    """A plugin that counts failed reports by node id, by the rule of ``pytest.Session``."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        """Count the report of a phase of a test that failed."""
        if report.failed and not hasattr(report, "wasxfail"):
            self._counts[report.nodeid] += 1

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a file that could not be collected."""
        self.pytest_runtest_logreport(report)

    def unexplained(self, failures: int, attempts: Iterable[ItemResult]) -> int:
        """Return how many of pytest's ``failures`` no attempt at an item explains."""
        # Imported here: this module is loaded in every session of pytest.
        from pytest_flink_agents.gate import FAILS_THE_SESSION

        known: Counter[str] = Counter()
        for result in attempts:
            if result.outcome in FAILS_THE_SESSION:
                # A scenario's own failure, and an error of another part of the session; a plain test blocks anyway.
                known[result.node_id] += 1 + bool(result.other_error) if result.tier else failures
        return max(failures - sum(min(count, known[node_id]) for node_id, count in self._counts.items()), 0)
