"""The stash keys, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from flink_testbed.core.problem import ProblemError
    from pytest_flink_agents.distributed import FirstProcess
    from pytest_flink_agents.gate import ItemResult, Verdict
    from pytest_flink_agents.plan import SessionPlan
    from pytest_flink_agents.route import Route
    from pytest_flink_agents.run.judged import Judged
    from pytest_flink_agents.run.settings import Settings

LEAKS: pytest.StashKey[list[str]] = pytest.StashKey()
FIRST_PROCESS: pytest.StashKey[FirstProcess] = pytest.StashKey()
SETTINGS: pytest.StashKey[Settings] = pytest.StashKey()
NOT_READY: pytest.StashKey[ProblemError] = pytest.StashKey()
PLAN: pytest.StashKey[SessionPlan] = pytest.StashKey()
REPORTS: pytest.StashKey[dict[str, ItemResult]] = pytest.StashKey()
RESULT: pytest.StashKey[Judged] = pytest.StashKey()
ROUTE: pytest.StashKey[Route] = pytest.StashKey()
VERDICT: pytest.StashKey[Verdict] = pytest.StashKey()
