"""The rules of a policy against the results of a session. Pure.

What is missing is never met: a rule without evidence is *unknown*, and makes a session inconclusive.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_flink_agents.checks.bounds import number_text
from pytest_flink_agents.gate.policy import Limit, Rules
from pytest_flink_agents.gate.result import UNITS, Figure, ItemResult, Outcome
from pytest_flink_agents.vocabulary import Tier, Word

# Figures that a run has only if its scenario leads to them.
OF_SOME_RUNS = ("recovery",)
_NO_FIGURE = Figure(None, "the run recorded none")


class Answer(Word):
    """The answer to one rule."""

    MET = "met"
    NOT_MET = "not met"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class RuleAnswer:
    """One rule of a policy, what it demands, and what was seen.

    ``rule`` is its place in the profile. ``blocks`` is True if it was measured that the job breaks the rule; any other
    rule that is not met says that something was not shown.
    """

    rule: str
    answer: Answer
    demanded: str
    seen: str
    blocks: bool = False


def works(result: ItemResult) -> bool:
    """Return whether a result shows that something works."""
    return result.outcome is Outcome.PASSED or result.tolerated


def rule_answers(rules: Rules, results: Sequence[ItemResult]) -> tuple[RuleAnswer, ...]:
    """Return the answer to every rule, in the order of the profile."""
    shown = [result for result in results if result.tier and works(result)]
    # A limit holds for every run: a failure that does not count is measured like any other.
    measured = [result for result in results if result.tier and result.ran]
    return (
        *_coverage(rules, shown),
        *_amounts(rules, shown),
        *_production(rules, shown),
        *(_limit(limit, measured) for limit in rules.limits),
    )


def _coverage(rules: Rules, shown: Sequence[ItemResult]) -> Iterator[RuleAnswer]:
    on_flink = [result for result in shown if result.tier is not Tier.LOCAL]
    for tier in rules.tiers or ():
        yield _covered("require.tiers", tier, sum(result.tier is tier for result in shown))
    for engine in rules.engines:
        yield _covered("require.engines", engine, sum(result.engine == engine for result in on_flink))
    for text, versions in rules.flink:
        count = sum(versions.contains(result.flink_version, prereleases=True) for result in on_flink)
        yield _covered("require.flink", text, count)
    for tag in rules.tags:
        yield _covered("require.tags", tag, sum(tag in result.tags for result in shown))
    for requirement in rules.requirements:
        count = sum(result.requirement == requirement for result in shown)
        yield _covered("require.requirements", requirement, count)


def _covered(rule: str, demanded: str, count: int) -> RuleAnswer:
    seen = f"{count} run{'s' if count != 1 else ''} passed" if count else "no run passed"
    return RuleAnswer(rule, Answer.MET if count else Answer.NOT_MET, str(demanded), seen)


def _amounts(rules: Rules, shown: Sequence[ItemResult]) -> Iterator[RuleAnswer]:
    if rules.scenarios:
        count = len({(result.file, result.name) for result in shown})
        answer = Answer.MET if count >= rules.scenarios else Answer.NOT_MET
        yield RuleAnswer("require.scenarios", answer, f"at least {rules.scenarios}", f"{count} passed")
    if rules.repeats:
        fewest = min(shown, key=lambda result: result.repeats, default=None)
        if fewest is None:
            answer, seen = Answer.UNKNOWN, "no run passed"
        else:
            answer = Answer.MET if fewest.repeats >= rules.repeats else Answer.NOT_MET
            seen = f"{fewest.repeats} of {fewest.node_id}"
        yield RuleAnswer("require.repeats", answer, f"at least {rules.repeats} runs of each scenario", seen)


def _production(rules: Rules, shown: Sequence[ItemResult]) -> Iterator[RuleAnswer]:
    if rules.production is None:
        return
    on_flink = [result for result in shown if result.tier is not Tier.LOCAL]
    other = next((result for result in on_flink if result.engine != rules.production), None)
    if not on_flink:
        answer, seen = Answer.UNKNOWN, "no run passed on Flink"
    elif other is None or rules.other_engine:
        answer = Answer.MET
        seen = f"{other.node_id} ran on {_engine(other)}, which the policy allows" if other else "every run on Flink"
    else:
        answer, seen = Answer.NOT_MET, f"{other.node_id} ran on {_engine(other)}"
    yield RuleAnswer("production_engine", answer, str(rules.production), seen)


def _engine(result: ItemResult) -> str:
    return str(result.engine) or "an engine that is not known"


def _limit(limit: Limit, measured: Sequence[ItemResult]) -> RuleAnswer:
    figures = [
        (result, result.figures.get(limit.word, _NO_FIGURE))
        for result in measured
        if (not limit.tags or not set(limit.tags).isdisjoint(result.tags)) and _has(result, limit.word)
    ]
    if not figures:
        return RuleAnswer(limit.rule, Answer.UNKNOWN, limit.text, "no run to measure")
    known = [(figure.value, result) for result, figure in figures if figure.value is not None]
    if known:
        value, result = max(known, key=lambda each: each[0])
        seen = f"{number_text(value)}{UNITS[limit.word]} in {result.node_id}"
        if value > limit.maximum:
            return RuleAnswer(limit.rule, Answer.NOT_MET, limit.text, seen, blocks=True)
    doubt = next(((result, one) for result, one in figures if one.value is None or not one.final), None)
    if doubt:
        result, figure = doubt
        return RuleAnswer(limit.rule, Answer.UNKNOWN, limit.text, f"not known in {result.node_id}: {figure.reason}")
    return RuleAnswer(limit.rule, Answer.MET, limit.text, seen)


def _has(result: ItemResult, word: str) -> bool:
    """Return whether a run has a figure; one that recorded none at all may have missed any."""
    return word in result.figures or word not in OF_SOME_RUNS or not result.figures
