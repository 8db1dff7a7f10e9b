"""The verdict on a session, and its exit code.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import dataclasses
import datetime
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.gate.baseline import ComparedFigure, compare, differences, increase_answers
from pytest_flink_agents.gate.policy import Baseline, Policy, Selection
from pytest_flink_agents.gate.result import RAN, ItemResult, Outcome
from pytest_flink_agents.gate.rules import Answer, RuleAnswer, rule_answers, works
from pytest_flink_agents.gate.screening import is_screened, may_warn
from pytest_flink_agents.gate.waivers import remarks_on, with_waivers
from pytest_flink_agents.vocabulary import Tier, Word

# The exit codes of pytest that a verdict may replace: all passed, some failed, nothing collected.
# Any other says more than a verdict does.
_REPLACEABLE = (0, 1, 5)
_EXIT_CODE_MEANS = {
    1: "something other than a test failed: a file that could not be collected, or another plugin",
    2: "it was interrupted, or a file could not be collected",
    3: "internal error",
    4: "usage error",
}
# Outcomes of an item that did what its scenario says.
_AS_EXPECTED = (Outcome.PASSED, Outcome.NOT_APPLICABLE, Outcome.WAIVED)
# Severities whose scenarios may fail; any other word counts like block.
_LOWERED = ("warn", "info")
# Outcomes for which pytest ends with exit code 1.
FAILS_THE_SESSION = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.NOT_RUN)
# Outcomes that a scenario which is not stable may have on sound code.
_UNSTABLE = (Outcome.FAILED, Outcome.FLAKY)
_RULES = {
    Outcome.FLAKY: "flaky",
    Outcome.UNKNOWN: "could not judge",
    Outcome.NOT_RUN: "could not run",
    Outcome.SKIPPED: "skipped",
}


class VerdictKind(Word):
    """The three answers."""

    PROMOTE = "promote"
    BLOCK = "block"
    INCONCLUSIVE = "inconclusive"


EXIT_CODES = {VerdictKind.PROMOTE: 0, VerdictKind.BLOCK: 1, VerdictKind.INCONCLUSIVE: 10}


class ReasonKind(Word):
    """The effect of a reason on the verdict, the weightiest first.

    A remark has none.
    """

    BLOCK = "block"
    INCONCLUSIVE = "inconclusive"
    REMARK = "remark"


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a verdict other than promote, or a remark.

    ``severity`` is the scenario's: block, warn or info.
    """

    kind: ReasonKind
    rule: str
    severity: str
    message: str
    actual: Any = None
    limit: Any = None
    evidence: str = ""
    node_id: str = ""


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
    selection: Selection | None = None,
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
    reasons = [_reason(result, policy, judged) for result in judged if _needs_a_reason(result)]
    reasons += _screened(scenarios, policy)
    reasons += _skipped_tests(judged)
    reasons += _coverage(scenarios, policy)
    reasons += _real_models(scenarios, policy)
    reasons += _left_out(selection or Selection())
    reasons += [_unmet(answer) for answer in answers if answer.answer is not Answer.MET]
    reasons += _useless_waivers(results, policy, today)
    reasons += _other_session(judged, policy)
    reasons += _session(results, pytest_exit, unexplained)
    if _weightiest(reasons) is VerdictKind.PROMOTE:
        reasons += _nothing_shown(scenarios, policy)
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
        f"{names[0]}{more} changed while the session ran, or cannot be read: run again, to judge one state of the job"
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


def _needs_a_reason(result: ItemResult) -> bool:
    # A plain test that is skipped is a remark; a skipped scenario was required and did not run.
    as_expected = result.outcome in _AS_EXPECTED or (result.outcome is Outcome.SKIPPED and result.tier is None)
    return not as_expected or bool(result.other_error)


def _reason(result: ItemResult, policy: Policy, results: Sequence[ItemResult]) -> Reason:
    failed_rule = "scenarios" if result.tier else "tests"
    severity = _severity(result, policy)
    kind, rule = _kind(result, severity), _RULES.get(result.outcome, failed_rule)
    if result.outcome in _UNSTABLE and kind is not ReasonKind.REMARK and is_screened(result, policy):
        warns = not result.other_error and may_warn(result, policy, results)
        kind, rule = ReasonKind.REMARK if warns else ReasonKind.INCONCLUSIVE, "screening"
    return Reason(
        kind=kind,
        rule=rule,
        severity=severity,
        message=f"{result.node_id}: {_message(result)}",
        actual=result.outcome.value,
        limit=Outcome.PASSED.value,
        evidence=result.evidence,
        node_id=result.node_id,
    )


def _screened(scenarios: Sequence[ItemResult], policy: Policy) -> list[Reason]:
    """Return a remark that lists the scenarios whose failure does not block."""
    found = [result.node_id for result in scenarios if result.ran and is_screened(result, policy)]
    if not found or policy.rules.screening is None:
        return []
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    sessions = f"{policy.history.sessions} earlier session{'s' if policy.history.sessions != 1 else ''}"
    message = f"not shown to be stable in {policy.rules.screening.runs} runs by {sessions}: {found[0]}{more}"
    return [Reason(ReasonKind.REMARK, "screening", "info", message, found, [])]


def _message(result: ItemResult) -> str:
    """Return the message of a result, and the error of another part of the session if that is another one."""
    if result.message and result.other_error.endswith(result.message):
        return result.message
    return "; ".join(filter(None, (result.message, result.other_error)))


def _kind(result: ItemResult, severity: str) -> ReasonKind:
    """Return the effect of a result that is not as expected.

    Severity and tolerance are about the scenario. They do not excuse the error of another part of the session.
    """
    if severity not in _LOWERED and not result.tolerated:
        return ReasonKind.BLOCK if result.outcome is Outcome.FAILED else ReasonKind.INCONCLUSIVE
    return ReasonKind.INCONCLUSIVE if result.other_error else ReasonKind.REMARK


def _severity(result: ItemResult, policy: Policy) -> str:
    """Return the severity of a result: the scenario's, or a lower one that all its failed checks have."""
    failed = {check.check for run in result.failed_runs for check in run.checks}
    severities = {policy.rules.severities.get(check, "block") for check in failed}
    if result.severity in _LOWERED or not severities or "block" in severities:
        return result.severity
    return "warn" if "warn" in severities else "info"


def _skipped_tests(results: Sequence[ItemResult]) -> list[Reason]:
    skipped = [result for result in results if result.outcome is Outcome.SKIPPED and result.tier is None]
    if not skipped:
        return []
    more = f" and {len(skipped) - 1} more" if len(skipped) > 1 else ""
    message = f"skipped or expected to fail: {skipped[0].node_id}{more}"
    return [Reason(ReasonKind.REMARK, "tests", "info", message, len(skipped), 0)]


def _coverage(scenarios: Sequence[ItemResult], policy: Policy) -> list[Reason]:
    """Return a reason for each tier without a scenario, and for each scenario without a tier."""
    if not scenarios:
        return [_not_covered("no scenario ran: nothing was verified")]
    reasons = [
        _not_covered(f"no scenario ran on the tier {tier}")
        for tier in policy.tiers
        if not _ran_on(tier, scenarios) and (tier in policy.named_tiers or _applies_to(tier, scenarios))
    ]
    on_flink = any(result.tier is not Tier.LOCAL and result.outcome in RAN for result in scenarios)
    # A policy that states its tiers decides whether Flink is needed.
    if not reasons and policy.rules.tiers is None and not on_flink:
        asked = ", ".join(policy.tiers)
        reasons.append(_not_covered(f"no scenario ran on Flink, only on {asked}: add --flink-tier=embedded"))
    if policy.named_tiers and Tier.LOCAL not in policy.tiers:
        message = "the tier local was not asked for: nothing is known of it"
        reasons.append(Reason(ReasonKind.REMARK, "coverage", "info", message))
    return [*reasons, *_without_a_tier(scenarios)]


def _nothing_shown(scenarios: Sequence[ItemResult], policy: Policy) -> list[Reason]:
    """Return a reason if nothing was shown to work, at all or on Flink: failures that count as expected show nothing."""
    working = [result for result in scenarios if works(result)]
    if not working:
        return [_not_covered("no scenario passed: nothing was shown to work")]
    if policy.rules.tiers is None and all(result.tier is Tier.LOCAL for result in working):
        return [_not_covered("no scenario passed on Flink, only without it: nothing was shown to work there")]
    return []


def _ran_on(tier: Tier, scenarios: Sequence[ItemResult]) -> bool:
    return any(result.tier is tier and result.outcome in RAN for result in scenarios)


def _applies_to(tier: Tier, scenarios: Sequence[ItemResult]) -> bool:
    return any(result.tier is tier and result.outcome is not Outcome.NOT_APPLICABLE for result in scenarios)


def _without_a_tier(scenarios: Sequence[ItemResult]) -> list[Reason]:
    """Return a reason for each blocking scenario that excludes every tier and version of the session."""
    applicable = {(result.file, result.name) for result in scenarios if result.outcome is not Outcome.NOT_APPLICABLE}
    excluded: dict[tuple[str, str], dict[str, None]] = {}
    for result in scenarios:
        if result.severity not in _LOWERED and (result.file, result.name) not in applicable:
            why = result.message.removeprefix("not applicable: ")
            excluded.setdefault((result.file, result.name), {})[why] = None
    reasons = []
    for (file, name), whys in sorted(excluded.items()):
        message = f"{file}::{name} applies to no tier and Flink version of this session: {'; '.join(whys)}"
        reasons.append(_not_covered(message.removesuffix(": ")))
    return reasons


def _real_models(scenarios: Sequence[ItemResult], policy: Policy) -> list[Reason]:
    """Return a reason if scenarios passed with a real model, which may answer otherwise the next time."""
    passed = [result for result in scenarios if result.real_model and works(result)]
    if not passed or policy.rules.real_models:
        return []
    more = f" and {len(passed) - 1} more" if len(passed) > 1 else ""
    message = (
        f"{passed[0].node_id}{more} passed with a real model, which may answer otherwise the next time: replay its recorded "
        "answers, or allow real_models_may_promote in the policy"
    )
    return [Reason(ReasonKind.INCONCLUSIVE, "models", "block", message, len(passed), 0)]


def _left_out(selection: Selection) -> list[Reason]:
    """Return a reason for each way in which the session left scenarios out."""
    messages: list[tuple[str, Any]] = []
    if selection.deselected:
        runs = f"{selection.deselected} scenario run{'s were' if selection.deselected != 1 else ' was'}"
        messages.append((f"{runs} deselected: run all scenarios for a verdict on the job", selection.deselected))
    messages += [(f"only a part of the scenarios was collected: {limit}", limit) for limit in selection.limits]
    messages += [(f"{file} looks like a scenario file and was not collected", file) for file in selection.uncollected]
    reasons = [Reason(ReasonKind.INCONCLUSIVE, "selection", "block", message, actual) for message, actual in messages]
    if selection.elsewhere:
        first, *others = selection.elsewhere
        more = f" and {len(others)} more" if others else ""
        message = f"scenario files outside of the directories that were asked for: {first}{more}"
        reasons.append(Reason(ReasonKind.REMARK, "selection", "info", message, list(selection.elsewhere)))
    return reasons


def _not_covered(message: str) -> Reason:
    return Reason(ReasonKind.INCONCLUSIVE, "coverage", "block", message, 0, 1)


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
