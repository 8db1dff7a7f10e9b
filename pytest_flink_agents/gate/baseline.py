"""The figures of a session beside those of an earlier one, and the rules of a policy about them. Pure.

Only like is compared with like: the same scenario on the same tier, Flink version and engine, which passed in the
baseline in no more runs. Whatever else differs makes a figure unknown, and a rule about it inconclusive.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pytest_flink_agents.checks.bounds import number_text
from pytest_flink_agents.gate.policy import Baseline, Increase
from pytest_flink_agents.gate.result import UNITS, Figure, ItemResult
from pytest_flink_agents.gate.rules import OF_SOME_RUNS, Answer, RuleAnswer, works

# Rounding of a sum or product must not block.
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure of one item, in the baseline and in this session; ``tags`` are those of its scenario."""

    node_id: str
    word: str
    before: Figure
    now: Figure
    tags: tuple[str, ...] = ()

    @property
    def change(self) -> str:
        """The change in words, empty if one of the figures is not known."""
        before, now = self.before.value, self.now.value
        if before is None or now is None:
            return ""
        difference = now - before
        sign = "+" if difference >= 0 else ""
        share = f" ({sign}{number_text(round(difference / before * 100, 1))} %)" if before else ""
        return f"{sign}{number_text(difference)}{UNITS[self.word]}{share}"

    def __str__(self) -> str:
        figures = (number_text(each.value) for each in (self.before, self.now) if each.value is not None)
        return f"{' -> '.join(figures)}{UNITS[self.word]} in {self.node_id}"


def compare(baseline: Baseline, results: Sequence[ItemResult]) -> tuple[ComparedFigure, ...]:
    """Return the figures of every scenario that ran in one of two sessions."""
    before = {result.node_id: result for result in baseline.results if result.tier and result.ran}
    now = {result.node_id: result for result in results if result.tier and result.ran}
    return tuple(
        figure
        for node_id in dict.fromkeys((*now, *before))
        for figure in _figures(node_id, before.get(node_id), now.get(node_id))
    )


def increase_answers(
    increases: Sequence[Increase], baseline: Baseline | None, compared: Sequence[ComparedFigure]
) -> tuple[RuleAnswer, ...]:
    """Return the answer to every rule about the baseline."""
    if baseline is None:
        seen = "no baseline was given: add --flink-baseline=RUN"
        return tuple(RuleAnswer(each.rule, Answer.UNKNOWN, each.text, seen) for each in increases)
    return tuple(_answer(each, compared) for each in increases)


def differences(baseline: Baseline, results: Sequence[ItemResult]) -> Iterator[str]:
    """Yield in words how the baseline was run otherwise than this session."""
    before = {result.node_id: result for result in baseline.results if result.tier}
    now = {result.node_id: result for result in results if result.tier}
    tiers = [", ".join(sorted({str(result.tier) for result in each.values()})) or "nothing" for each in (before, now)]
    if tiers[0] != tiers[1]:
        yield f"it ran on {tiers[0]}, this session on {tiers[1]}"
    new, gone = ([each for each in one if each not in other] for one, other in ((now, before), (before, now)))
    yield from _counted("scenario run is not in it", "scenario runs are not in it", new)
    yield from _counted("of its scenario runs is not here", "of its scenario runs are not here", gone)
    both = [(each, now[node_id]) for node_id, each in before.items() if node_id in now]
    for word, name in (("engine", "engine"), ("flink_version", "Flink version")):
        other = [each.node_id for each, mine in both if getattr(each, word) != getattr(mine, word)]
        yield from _counted(f"scenario run had another {name}", f"scenario runs had another {name}", other)


def _figures(node_id: str, before: ItemResult | None, now: ItemResult | None) -> Iterator[ComparedFigure]:
    known = {**(before.figures if before else {}), **(now.figures if now else {})}
    # Of both: a scenario that has lost its tag is still compared.
    tags = tuple(dict.fromkeys(tag for each in (now, before) if each for tag in each.tags))
    for word in UNITS:
        if word in known or word not in OF_SOME_RUNS:
            yield ComparedFigure(node_id, word, _before(before, now, word), _now(now, word), tags)


def _before(before: ItemResult | None, now: ItemResult | None, word: str) -> Figure:
    if before is None:
        return Figure(None, "the baseline does not have it")
    if not works(before):
        return Figure(None, f"it is {before.outcome} in the baseline")
    if now is not None and before.engine != now.engine:
        return Figure(None, f"the baseline had the engine {before.engine or 'unknown'}, not {now.engine or 'unknown'}")
    if now is not None and before.real_model != now.real_model:
        return Figure(
            None, f"a real model answered {'in the baseline' if before.real_model else 'in this session'} only"
        )
    if now is not None and before.repeats > now.repeats:
        # The largest of more runs is larger.
        return Figure(None, f"the largest of {before.repeats} runs in the baseline, of {now.repeats} here")
    return before.figures.get(word, Figure(None, "the baseline recorded none"))


def _now(now: ItemResult | None, word: str) -> Figure:
    if now is None:
        return Figure(None, "it did not run in this session")
    return now.figures.get(word, Figure(None, "the run recorded none"))


def _answer(rule: Increase, compared: Sequence[ComparedFigure]) -> RuleAnswer:
    figures = [
        each
        for each in compared
        if each.word == rule.word and (not rule.tags or not set(rule.tags).isdisjoint(each.tags))
    ]
    if not figures:
        return RuleAnswer(rule.rule, Answer.UNKNOWN, rule.text, "no run to compare")
    worse = [each for each in figures if _above(rule, each) and each.before.final]
    if worse:
        most = max(worse, key=lambda each: _excess(rule, each))
        return RuleAnswer(rule.rule, Answer.NOT_MET, rule.text, str(most), blocks=True)
    doubt = next((each for each in figures if _doubtful(rule, each)), None)
    if doubt is not None:
        reason = doubt.now.reason or doubt.before.reason
        return RuleAnswer(rule.rule, Answer.UNKNOWN, rule.text, f"not known in {doubt.node_id}: {reason}")
    most = max(figures, key=lambda each: _excess(rule, each))
    return RuleAnswer(rule.rule, Answer.MET, rule.text, str(most))


def _excess(rule: Increase, figure: ComparedFigure) -> float:
    """Return how much a figure is above its bound, negative if it is below; unknown figures are above none."""
    if figure.before.value is None or figure.now.value is None:
        return -math.inf
    return figure.now.value - rule.bound(figure.before.value)


def _above(rule: Increase, figure: ComparedFigure) -> bool:
    return _excess(rule, figure) > _ROUNDING * max(1.0, abs(figure.now.value or 0.0))


def _doubtful(rule: Increase, figure: ComparedFigure) -> bool:
    """Return whether it is not known that a figure is within its bound.

    A figure of the baseline that may be larger is enough to show that one below it is no increase.
    """
    if figure.before.value is None or figure.now.value is None or not figure.now.final:
        return True
    return not figure.before.final and _above(rule, figure)


def _counted(one: str, many: str, names: Sequence[str]) -> Iterator[str]:
    if names:
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        yield f"{len(names)} {one if len(names) == 1 else many}: {names[0]}{more}"
