"""The verdict on a session, and its exit code.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pytest_flink_agents.gate.baseline import ComparedFigure, compare, differences, increase_answers
from pytest_flink_agents.gate.coverage import coverage, left_out, nothing_shown, real_models
from pytest_flink_agents.gate.policy import Baseline, Policy, Selection
from pytest_flink_agents.gate.reason import Reason, ReasonKind
from pytest_flink_agents.gate.result import ItemResult, Outcome
from pytest_flink_agents.gate.result_reasons import result_reasons
from pytest_flink_agents.gate.rules import Answer, RuleAnswer, rule_answers
from pytest_flink_agents.gate.waivers import remarks_on, with_waivers
from pytest_flink_agents.vocabulary import Word

# The exit codes of pytest that a verdict may replace: all passed, some failed, nothing collected.
# Any other says more than a verdict does.
_REPLACEABLE = (0, 1, 5)
_EXIT_CODE_MEANS = {
    1: "something other than a test failed: a file that could not be collected, or another plugin",
    2: "it was interrupted, or a file could not be collected",
    3: "internal error",
    4: "usage error",
}
# Outcomes for which pytest ends with exit code 1.
FAILS_THE_SESSION = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_RUN)


class VerdictKind(Word):
    """The three answers."""

    PROMOTE = "promote"
    BLOCK = "block"
    INCONCLUSIVE = "inconclusive"


# A session that left nothing out.
_WHOLE = Selection()
EXIT_CODES = {VerdictKind.PROMOTE: 0, VerdictKind.BLOCK: 1, VerdictKind.INCONCLUSIVE: 10}


@dataclass(frozen=True, slots=True)
class Waiver:
    """A failure that does not count, because ``expect_fail`` of its scenario or the policy announced it."""

    node_id: str
    message: str
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, its reasons and the number of items by outcome.

    ``policy`` is the policy file, empty without one; ``rules`` has the answer to each of its rules. ``results`` are those
    that were judged, one for each item. ``compared`` has the figures beside those of the ``baseline``.
    """

    verdict: VerdictKind
    profile: str
    reasons: tuple[Reason, ...]
    counts: dict[str, int]
    waivers: tuple[Waiver, ...] = ()
    policy: str = ""
    rules: tuple[RuleAnswer, ...] = ()
    results: tuple[ItemResult, ...] = ()
    baseline: Baseline | None = None
    compared: tuple[ComparedFigure, ...] = ()


def decide(
    results: Sequence[ItemResult],
    policy: Policy,
    pytest_exit: int = 0,
    *,
    selection: Selection = _WHOLE,
    unexplained: int = 0,
    today: datetime.date = datetime.date.max,
) -> Verdict:
    """Return the verdict on all results of a session.

    A failure blocks. Whatever was not run, not judged or not selected makes the session inconclusive. Only a whole
    session that ran on Flink and held is promoted. The policy adds rules, and may waive a failure that it names.
    ``pytest_exit`` is pytest's own exit code: a session that pytest calls broken is never promoted. ``unexplained`` is the
    number of failures that pytest counts and that belong to none of the results. ``today`` is in UTC; without it every
    waiver of the policy has expired.
    """
    judged = with_waivers(results, policy.rules.known_failures, today)
    scenarios = [result for result in judged if result.tier]
    compared = compare(policy.baseline, judged) if policy.baseline else ()
    answers = rule_answers(policy.rules, judged)
    answers += increase_answers(policy.rules.increases, policy.baseline, compared)
    reasons = result_reasons(judged, policy)
    reasons += coverage(scenarios, policy, selection)
    reasons += real_models(scenarios, policy)
    reasons += left_out(selection)
    reasons += [_unmet(answer) for answer in answers if answer.answer is not Answer.MET]
    reasons += _useless_waivers(results, policy, today)
    reasons += _other_session(judged, policy)
    reasons += _session(results, pytest_exit, unexplained)
    if _weightiest(reasons) is VerdictKind.PROMOTE:
        reasons += nothing_shown(scenarios, policy)
    waivers = tuple(
        Waiver(result.node_id, result.message, result.owner) for result in judged if result.outcome is Outcome.WAIVED
    )
    return Verdict(
        _weightiest(reasons),
        policy.profile,
        _in_order(reasons),
        _counts(judged),
        waivers,
        policy.file,
        answers,
        judged,
        policy.baseline,
        compared,
    )


def _session(results: Sequence[ItemResult], pytest_exit: int, unexplained: int) -> list[Reason]:
    """Return a reason if pytest counts failures, or ended with an exit code, that the results do not explain."""
    if unexplained:
        failures = f"{unexplained} failure{'s' if unexplained != 1 else ''}"
        message = f"pytest counts {failures} that no result explains: another plugin, or a conftest.py"
        return [Reason(ReasonKind.INCONCLUSIVE, "session", "block", message, unexplained, 0)]
    explained = any(result.outcome in FAILS_THE_SESSION for result in results)
    if pytest_exit in _REPLACEABLE and (pytest_exit != 1 or explained):
        return []
    meaning = _EXIT_CODE_MEANS.get(pytest_exit, "another plugin, or a limit")
    message = f"pytest ended with exit code {pytest_exit}: {meaning}"
    return [Reason(ReasonKind.INCONCLUSIVE, "session", "block", message, pytest_exit, 0)]


def _unmet(answer: RuleAnswer) -> Reason:
    kind = ReasonKind.BLOCK if answer.blocks else ReasonKind.INCONCLUSIVE
    message = f"{answer.rule}: {answer.demanded}: {answer.answer}: {answer.seen}"
    return Reason(kind, "policy", "block", message, answer.seen, answer.demanded)


def _useless_waivers(results: Sequence[ItemResult], policy: Policy, today: datetime.date) -> list[Reason]:
    return [
        Reason(ReasonKind.REMARK, "waivers", "info", f"{waiver.place}: the waiver of {waiver.scenario}: {why}")
        for waiver, why in remarks_on(results, policy.rules.known_failures, today)
    ]


def _other_session(results: Sequence[ItemResult], policy: Policy) -> list[Reason]:
    """Return a remark for each way in which the baseline is another kind of session."""
    if policy.baseline is None:
        return []
    messages = list(differences(policy.baseline, results))
    if not policy.rules.increases:
        messages.append("no rule of a policy compares with it")
    return [
        Reason(ReasonKind.REMARK, "baseline", "info", f"the baseline {policy.baseline.name}: {message}")
        for message in messages
    ]


def add_reason(verdict: Verdict, reason: Reason) -> Verdict:
    """Return the verdict with a reason that arose after the decision.

    It never becomes a better one.
    """
    reasons = _in_order([*verdict.reasons, reason])
    return dataclasses.replace(verdict, verdict=_weightiest(reasons), reasons=reasons)


def no_answer(verdict: Verdict, *reasons: Reason) -> Verdict:
    """Return the verdict as *inconclusive*, for reasons that leave open what the results say.

    What would have blocked becomes a reason of the same weight as they.
    """
    open_now = (
        dataclasses.replace(reason, kind=ReasonKind.INCONCLUSIVE) if reason.kind is ReasonKind.BLOCK else reason
        for reason in verdict.reasons
    )
    return dataclasses.replace(verdict, verdict=VerdictKind.INCONCLUSIVE, reasons=_in_order([*reasons, *open_now]))


def doubtful(why: str) -> Reason:
    """Return the reason for results that are not those of a whole session."""
    return Reason(ReasonKind.INCONCLUSIVE, "session", "block", why)


def report_not_written(why: str) -> Reason:
    """Return the reason for a report that could not be written."""
    return Reason(ReasonKind.INCONCLUSIVE, "report", "block", f"the report could not be written: {why}")


def report_not_trusted(why: str) -> Reason:
    """Return the reason for a stored run that cannot be judged."""
    return Reason(ReasonKind.INCONCLUSIVE, "report", "block", f"the stored run cannot be trusted: {why}")


def inconclusive(profile: str, *reasons: Reason) -> Verdict:
    """Return the verdict on a session of which no result is known."""
    return Verdict(VerdictKind.INCONCLUSIVE, profile, reasons, _counts(()))


def files_changed(names: Sequence[str]) -> Reason:
    """Return the reason for files of the job that are not as they were when the session began."""
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    message = (
        f"{names[0]}{more} changed or appeared while the session ran, or cannot be read: run again, to judge one state "
        "of the job"
    )
    return Reason(ReasonKind.INCONCLUSIVE, "identity", "block", message, len(names), 0)


def exit_code(verdict: Verdict, pytest_exit: int) -> int:
    """Return the exit code under the gate.

    It is the verdict's, unless pytest's own says more than passed, failed or nothing collected.
    """
    return EXIT_CODES[verdict.verdict] if pytest_exit in _REPLACEABLE else pytest_exit


def _in_order(reasons: Iterable[Reason]) -> tuple[Reason, ...]:
    order = list(ReasonKind)
    return tuple(sorted(reasons, key=lambda reason: order.index(reason.kind)))


def _weightiest(reasons: Sequence[Reason]) -> VerdictKind:
    kinds = {reason.kind for reason in reasons}
    if ReasonKind.BLOCK in kinds:
        return VerdictKind.BLOCK
    return VerdictKind.INCONCLUSIVE if ReasonKind.INCONCLUSIVE in kinds else VerdictKind.PROMOTE


def _counts(results: Sequence[ItemResult]) -> dict[str, int]:
    found = Counter(result.outcome for result in results)
    return {
        "passed": found[Outcome.PASSED],
        "failed": found[Outcome.FAILED],
        "flaky": found[Outcome.FLAKY],
        "skipped": found[Outcome.SKIPPED] + found[Outcome.NOT_APPLICABLE],
        "waived": found[Outcome.WAIVED],
        "not_run": found[Outcome.NOT_RUN] + found[Outcome.UNKNOWN],
    }
