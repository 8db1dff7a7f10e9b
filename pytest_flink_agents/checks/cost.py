"""The check of the cost of a run: the tokens of each model, by its price."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_flink_agents.checks.bounds import Amount, Bounds, check_amounts
from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.checks.usage import used_tokens
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.vocabulary import ModelPrice

NAME = "cost"
_MILLION = 1_000_000


def check_cost(total: Bounds, prices: Mapping[str, ModelPrice], *, scripted: bool, evidence: Evidence) -> CheckResult:
    """Return *invalid* if a run cost too much or too little.

    *Unknown* if the tokens of a model or its price are. Prices are those of a million tokens.
    """
    return check_amounts(NAME, [(total, cost_amount(prices, evidence, scripted=scripted))])


def cost_amount(prices: Mapping[str, ModelPrice], evidence: Evidence, *, scripted: bool) -> Amount:
    """Return the cost of a run, by the ``prices`` of a million tokens."""
    name = "the cost"
    used = used_tokens(evidence, scripted=scripted)
    if used.by_model is None:
        return Amount(name, None, used.reason)
    unpriced = next((model for model in used.by_model if model not in prices), None)
    if unpriced is not None:
        return Amount(name, None, f"the model {unpriced} has no price; add it to flink_model_prices in the ini file")
    cost = sum(
        (tokens.prompt * prices[model].prompt + tokens.completion * prices[model].completion) / _MILLION
        for model, tokens in used.by_model.items()
    )
    return Amount(name, cost, used.reason, final=used.final)
