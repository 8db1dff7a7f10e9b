"""What a session has tried, and what it has not, in words."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_flink_agents.gate import ItemResult, Outcome
from pytest_flink_agents.vocabulary import Engine, Tier

_RAN = (Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY, Outcome.UNKNOWN, Outcome.WAIVED)


def engines_of(results: Sequence[ItemResult]) -> str:
    """Return the engines that executed scenarios, such as ``engine bundled``; empty if none is known."""
    engines = sorted({str(result.engine) for result in results if result.tier and result.engine})
    return f"engine{'s' if len(engines) > 1 else ''} {', '.join(engines)}" if engines else ""


def not_covered(results: Sequence[ItemResult]) -> str:
    """Return the tiers on which no scenario ran and the engine that executed none; empty if there are none.

    Only scenarios count, and of a session that ran none nothing is said.
    """
    ran = [result for result in results if result.tier and result.outcome in _RAN]
    tiers = [tier.value for tier in Tier if ran and not any(result.tier is tier for result in ran)]
    used = {str(result.engine) for result in ran if result.engine}
    engines = [engine.value for engine in Engine if used and engine is not Engine.AUTO and engine.value not in used]
    words = [f"tier{'s' if len(tiers) > 1 else ''} {', '.join(tiers)}"] if tiers else []
    return "; ".join([*words, *(f"engine {engine}" for engine in engines)])
