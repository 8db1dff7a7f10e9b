"""The checks of the use of models: calls and tokens."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.checks.bounds import CUT_SHORT, Amount, Bounds, check_amounts, judged_amount
from pytest_flink_agents.checks.bounds import combined as combine
from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.checks.input_runs import LoggedInput, input_runs, log_doubt
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.checks.trajectory_steps import entry_of
from pytest_flink_agents.evidence.model import Event, Evidence
from pytest_flink_agents.evidence.model_calls import ModelCall
from pytest_flink_agents.vocabulary import CHAT_RESPONSE_EVENT, TOOL_REQUEST_EVENT

TOKENS, CALLS = "tokens", "llm"
PROMPT_TOKENS, COMPLETION_TOKENS = "promptTokens", "completionTokens"
# flink-agents counts a response with a value for each of them.
_COUNTED = ("model_name", PROMPT_TOKENS, COMPLETION_TOKENS)
_NAMED = 5


@dataclass(frozen=True, slots=True)
class ModelTokens:
    """The tokens of a model's prompts and completions."""

    prompt: float = 0
    completion: float = 0


@dataclass(frozen=True, slots=True)
class UsedTokens:
    """The tokens of each model by its name, None if none are known.

    ``final`` is False if there may be more; ``reason`` says why, or why none are known.
    """

    by_model: Mapping[str, ModelTokens] | None
    reason: str
    final: bool = True


@dataclass(frozen=True, slots=True)
class TokenBounds:
    """The bounds of tokens in total and of each input."""

    total: Bounds | None = None
    per_input: Bounds | None = None


def check_call_count(bounds: Bounds, evidence: Evidence) -> CheckResult:
    """Return *invalid* if the model was called too often or too rarely.

    Every call counts, also one that got a fault.
    """
    amount = Amount("the number of calls to the model", len(evidence.model_calls), CUT_SHORT, final=evidence.complete)
    return check_amounts(CALLS, [(bounds, amount)])


def check_tokens(bounds: TokenBounds, *, scripted: bool, evidence: Evidence) -> CheckResult:
    """Return *invalid* if models used too many or too few tokens.

    With a scripted model its server counts, without one the metrics of the agent. *Unknown* without
    either, and for single inputs if the event log does not account for every token.
    """
    total = total_tokens(evidence, scripted=scripted)
    judged = []
    if bounds.total is not None:
        judged.append(judged_amount(bounds.total, total))
    if bounds.per_input is not None:
        per_input = bounds.per_input
        amounts = tokens_of_inputs(evidence, total)
        worst = sorted(amounts, key=lambda amount: amount.value or 0, reverse=True)
        found = [judged_amount(per_input, amount) for amount in worst]
        judged += [one for one in found if one[1] is not None][:_NAMED]
    return combine(TOKENS, judged)


def total_tokens(evidence: Evidence, *, scripted: bool) -> Amount:
    """Return the tokens of all prompts and completions together."""
    used = used_tokens(evidence, scripted=scripted)
    total = None if used.by_model is None else sum(each.prompt + each.completion for each in used.by_model.values())
    return Amount("the number of tokens", total, used.reason, final=used.final)


def used_tokens(evidence: Evidence, *, scripted: bool) -> UsedTokens:
    """Return the tokens of each model.

    With a scripted model its server counts, without one the metrics of the agent, to which a
    response without a number of tokens adds nothing.
    """
    if scripted:
        uncounted = sum(call.uncounted for call in evidence.model_calls)
        if uncounted:
            calls = len(evidence.model_calls)
            return UsedTokens(None, f"{uncounted} of {calls} answers of the model do not say how many tokens they used")
        return UsedTokens(_of_calls(evidence.model_calls), CUT_SHORT, final=evidence.complete)
    if evidence.metrics is None:
        return UsedTokens(None, "the run has no metrics")
    by_model = _of_metrics(evidence.metrics)
    if not by_model:
        return UsedTokens(None, "no model reported its tokens in the metrics")
    silent = log_doubt(evidence) or _silent_responses(evidence.events)
    reason = CUT_SHORT if evidence.metrics_final else "Flink showed the tokens last before the job ended"
    final = evidence.complete and evidence.metrics_final and not silent
    return UsedTokens(by_model, silent or reason, final=final)


def _of_calls(calls: Sequence[ModelCall]) -> dict[str, ModelTokens]:
    used: dict[str, ModelTokens] = {}
    for call in calls:
        before = used.get(call.model, ModelTokens())
        used[call.model] = ModelTokens(
            before.prompt + (call.prompt_tokens or 0), before.completion + (call.completion_tokens or 0)
        )
    return used


def _of_metrics(metrics: Mapping[str, float]) -> dict[str, ModelTokens]:
    """Return the tokens by model, which a metric has between ``model.`` and the last word."""
    used: dict[str, ModelTokens] = {}
    for metric, value in metrics.items():
        scope, _, counted = metric.rpartition(".")
        _, is_of_model, model = f".{scope}".rpartition(".model.")
        before = used.get(model, ModelTokens())
        if is_of_model and counted == PROMPT_TOKENS:
            used[model] = ModelTokens(before.prompt + value, before.completion)
        elif is_of_model and counted == COMPLETION_TOKENS:
            used[model] = ModelTokens(before.prompt, before.completion + value)
    return used


def _silent_responses(events: Sequence[Event]) -> str:
    """Return a sentence on the responses of models that the metrics do not count, empty if all count."""
    responses = [_extra_arguments(event) for event in events if event.type == CHAT_RESPONSE_EVENT]
    silent = sum(not all(map(extra.get, _COUNTED)) for extra in responses)
    return f"{silent} of {len(responses)} responses of the model do not say how many tokens they used" if silent else ""


def _used(call: ModelCall) -> int:
    return (call.prompt_tokens or 0) + (call.completion_tokens or 0)


def tokens_of_inputs(evidence: Evidence, total: Amount) -> list[Amount]:
    """Return the tokens of each input, or one unknown amount.

    Responses carry their tokens. The response that asks for tools is not logged, so its tokens come
    from the call to the model server that got the same tools. Only if the sum is the total, nothing
    is missing.
    """
    runs, doubt = input_runs(evidence)
    if doubt and doubt != CUT_SHORT:
        return [_unknown(doubt)]
    rounds = _tool_rounds(evidence.model_calls)
    amounts = [_of_input(run, rounds, final=not doubt) for run in runs]
    if any(rounds.values()) or total.value is None or sum(amount.value or 0 for amount in amounts) != total.value:
        return [_unknown("the event log does not say which input used which tokens")]
    return amounts


def _unknown(reason: str) -> Amount:
    return Amount("the number of tokens of each input", None, reason)


def _of_input(run: LoggedInput, rounds: Mapping[str, list[int]], *, final: bool) -> Amount:
    used = 0
    for event in run.events:
        if event.type == CHAT_RESPONSE_EVENT:
            used += _reported(event)
        elif event.type == TOOL_REQUEST_EVENT and (waiting := rounds.get(_of_request(event))):
            used += waiting.pop(0)
    name = f"the number of tokens of input {run.number} of key {identity(run.key)}"
    return Amount(name, used, CUT_SHORT, final=final, key=run.key)


def _extra_arguments(event: Event) -> Mapping[str, Any]:
    response = event.attributes.get("response")
    extra = response.get("extra_args") if isinstance(response, Mapping) else None
    return extra if isinstance(extra, Mapping) else {}


def _reported(event: Event) -> int:
    extra = _extra_arguments(event)
    return int(extra.get(PROMPT_TOKENS) or 0) + int(extra.get(COMPLETION_TOKENS) or 0)


def _tool_rounds(calls: Sequence[ModelCall]) -> dict[str, list[int]]:
    """Return the tokens of the calls that were answered with tools, by the tools.

    Equal tools with different tokens cannot be distinguished. They are left out, so the sum does not match.
    """
    found: dict[str, list[int]] = {}
    for call in calls:
        if call.reply.get("tool_calls"):
            asked = [(one["name"], one.get("arguments")) for one in call.reply["tool_calls"]]
            found.setdefault(_tools(asked), []).append(_used(call))
    return {tools: used for tools, used in found.items() if len(set(used)) == 1}


def _of_request(event: Event) -> str:
    return _tools([(call.name, call.arguments) for call in entry_of(event).calls])


def _tools(asked: Sequence[tuple[str, Any]]) -> str:
    return json.dumps(asked, sort_keys=True, default=str)
