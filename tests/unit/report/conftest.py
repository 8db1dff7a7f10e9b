"""One session with one of everything, for all writers."""

from __future__ import annotations

import pytest

from pytest_flink_agents.gate.verdict import ItemResult, Policy, Verdict, decide


@pytest.fixture
def policy() -> Policy:
    return Policy("default", ("local", "embedded"))


@pytest.fixture
def results() -> list[ItemResult]:
    """Two tiers, one plain test, and every outcome at least once."""

    def scenario(name: str, outcome: str, tier: str = "local", **fields: str) -> ItemResult:
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
        scenario("refund", "passed"),
        scenario(
            "refund",
            "failed",
            "embedded",
            message="output 1 is not as expected",
            detail="s.yaml:9: outputs\n    expected: 1\n    seen:     2",
            evidence="artifacts/refund/1",
            reproduce="pytest 's.yaml::refund[embedded-2.2]'",
            requirement="REQ-17",
        ),
        scenario("slow", "unknown", message="cut short", detail="cut short: detail"),
        scenario("slow", "not_run", "embedded", message="FA401: no cluster"),
        scenario("later", "skipped", message="by hand"),
        scenario("later", "not_applicable", "embedded"),
        scenario("known", "waived", message="upstream #1"),
        ItemResult("test_x.py::test_x", "test_x", "passed", file="test_x.py", duration_s=0.5),
    ]


@pytest.fixture
def verdict(results: list[ItemResult], policy: Policy) -> Verdict:
    return decide(results, policy, 1)
