"""Agent plans as JSON: canonical form, differences and digest. Pure."""

from pytest_flink_agents.plan.canonical import canonical_plan, canonical_text, plan_digest
from pytest_flink_agents.plan.dialect import Dialect, dialect_of
from pytest_flink_agents.plan.differences import ABSENT, PlanDifference, plan_differences

__all__ = [
    "ABSENT",
    "Dialect",
    "PlanDifference",
    "canonical_plan",
    "canonical_text",
    "dialect_of",
    "plan_differences",
    "plan_digest",
]
