"""The check of the cost of a run: the tokens of each model, by its price."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pytest_flink_agents.checks.bounds import Amount, Bounds, check_amounts
from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.vocabulary import ModelPrice

NAME = "cost"
_MILLION = 1_000_000
_PROMPT, _COMPLETION = ".promptTokens", ".completionTokens"


@dataclass(frozen=True, slots=True)
class _Used:
    prompt: float = 0
    completion: float = 0


def check_cost(total: Bounds, prices: Mapping[str, ModelPrice], *, scripted: bool, evidence: Evidence) -> CheckResult:
    """Return *invalid* if a run cost too much or too little.

    *Unknown* if the tokens of a model or its price are. Prices are those of a million tokens.
    """
    return check_amounts(NAME, [(total, _cost(prices, evidence, scripted=scripted))])


def _cost(prices: Mapping[str, ModelPrice], evidence: Evidence, *, scripted: bool) -> Amount:
    name = "the cost"
    used = _of_calls(evidence) if scripted else _of_metrics(evidence)
    if used is None:
        return Amount(name, None, "no model reported its tokens in the metrics")
    unpriced = next((model for model in used if model not in prices), None)
    if unpriced is not None:
        return Amount(name, None, f"the model {unpriced} has no price; add it to flink_model_prices in the ini file")
    cost = sum(
        (tokens.prompt * prices[model].prompt + tokens.completion * prices[model].completion) / _MILLION
        for model, tokens in used.items()
    )
    reason = "the run was cut short" if not evidence.complete else "Flink showed the tokens last before the job ended"
    return Amount(name, cost, reason, final=evidence.complete and (scripted or evidence.metrics_final))


def _of_calls(evidence: Evidence) -> dict[str, _Used]:
    used: dict[str, _Used] = {}
    for call in evidence.model_calls:
        before = used.get(call.model, _Used())
        used[call.model] = _Used(
            before.prompt + (call.prompt_tokens or 0), before.completion + (call.completion_tokens or 0)
        )
    return used


def _of_metrics(evidence: Evidence) -> dict[str, _Used] | None:
    """Return the tokens by model, which a metric has between ``model.`` and the last word."""
    used: dict[str, _Used] = {}
    for metric, value in (evidence.metrics or {}).items():
        scope, _, _ = metric.rpartition(".")
        _, is_of_model, model = f".{scope}".rpartition(".model.")
        before = used.get(model, _Used())
        if is_of_model and metric.endswith(_PROMPT):
            used[model] = _Used(before.prompt + value, before.completion)
        elif is_of_model and metric.endswith(_COMPLETION):
            used[model] = _Used(before.prompt, before.completion + value)
    return used or None
