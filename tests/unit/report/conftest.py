"""The results of one session with every outcome, for all writers."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_flink_agents.gate import ItemResult, Outcome, Policy, Verdict, decide
from pytest_flink_agents.vocabulary import Tier


@pytest.fixture
def policy() -> Policy:
    return Policy("default", (Tier.LOCAL, Tier.EMBEDDED))


@pytest.fixture
def results() -> list[ItemResult]:
    """Two tiers, one plain test, and every outcome at least once."""

    def scenario(name: str, outcome: Outcome, tier: Tier = Tier.LOCAL, **fields: Any) -> ItemResult:
        return ItemResult(
            node_id=f"s.yaml::{name}[{tier}-2.2]",
            name=name,
            outcome=outcome,
            tier=tier,
            flink_version="2.2.1",
            engine="bundled",
            file="s.yaml",
            line=3,
            duration_s=1.25,
            **fields,
        )

    return [
        scenario("refund", Outcome.PASSED),
        scenario(
            "refund",
            Outcome.FAILED,
            Tier.EMBEDDED,
            message="output 1 is not as expected",
            detail="s.yaml:9: outputs\n    expected: 1\n    seen:     2",
            evidence="artifacts/refund/1",
            reproduce="pytest 's.yaml::refund[embedded-2.2]'",
            requirement="REQ-17",
        ),
        scenario("slow", Outcome.UNKNOWN, message="cut short", detail="cut short: detail"),
        scenario("slow", Outcome.NOT_RUN, Tier.EMBEDDED, message="FA401: no cluster"),
        scenario("later", Outcome.SKIPPED, message="by hand"),
        scenario("later", Outcome.NOT_APPLICABLE, Tier.EMBEDDED),
        scenario("known", Outcome.WAIVED, message="upstream #1", owner="payments"),
        ItemResult("test_x.py::test_x", "test_x", Outcome.PASSED, file="test_x.py", duration_s=0.5),
    ]


@pytest.fixture
def verdict(results: list[ItemResult], policy: Policy) -> Verdict:
    return decide(results, policy, 1)
