"""The stash keys, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flink_testbed.core.problem import ProblemError
    from pytest_flink_agents.gate import ItemResult, Verdict
    from pytest_flink_agents.route import Route
    from pytest_flink_agents.run.item import Judged
    from pytest_flink_agents.session import SessionPlan
    from pytest_flink_agents.settings import Settings
    from pytest_flink_agents.xdist import FirstProcess

LEAKS: pytest.StashKey[list[str]] = pytest.StashKey()
FIRST_PROCESS: pytest.StashKey[FirstProcess] = pytest.StashKey()
SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
NOT_READY: pytest.StashKey[ProblemError] = pytest.StashKey()
PLAN: pytest.StashKey[SessionPlan] = pytest.StashKey()
REPORTS: pytest.StashKey[dict[str, ItemResult]] = pytest.StashKey()
RESULT: pytest.StashKey[Judged] = pytest.StashKey()
ROUTE: pytest.StashKey[Route] = pytest.StashKey()
VERDICT: pytest.StashKey[Verdict] = pytest.StashKey()
