"""All results of a session under a policy -> one verdict. Pure: no I/O, no clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

PROMOTE, BLOCK, INCONCLUSIVE = "promote", "block", "inconclusive"
EXIT_CODES = {PROMOTE: 0, BLOCK: 1, INCONCLUSIVE: 10}
# pytest's answers that a verdict may overrule: all passed, some failed, nothing collected. Any other says more than it.
_OVERRULED = (0, 1, 5)
_PYTEST_SAYS = {
    1: "something failed that is no test: a file that could not be collected, or another plugin's veto",
    2: "it was interrupted, or a file could not be collected",
    3: "internal error",
    4: "usage error",
}
_HELD = ("passed", "not_applicable", "waived")


@dataclass(frozen=True, slots=True)
class ItemResult:
    """How one scenario on one tier, or one plain test, ended.

    ``outcome``: ``passed``, ``failed``, ``unknown`` (ran, and cannot be judged), ``not_run`` (the machine's fault),
    ``skipped`` (with a reason in ``message``), ``not_applicable`` (its own ``flink:`` or ``tiers:`` exclude it here, or
    the versions each other), ``waived`` (failed as ``expect_fail`` says). ``tier`` is empty for a plain test.
    """

    node_id: str
    name: str
    outcome: str
    tier: str = ""
    flink_version: str = ""
    engine: str = ""
    severity: str = "block"
    message: str = ""
    detail: str = ""
    file: str = ""
    line: int = 0
    duration_s: float = 0.0
    evidence: str = ""
    requirement: str = ""
    reproduce: str = ""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a verdict asks for. ``tiers``: each of them must have run at least one scenario."""

    profile: str = "default"
    tiers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason for a verdict other than promote, or a remark on it (``severity`` warn or info)."""

    kind: str
    rule: str
    severity: str
    message: str
    actual: Any = None
    limit: Any = None
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class Waiver:
    """A failure that was let through, because its scenario said so beforehand."""

    node_id: str
    message: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer, why, and the counts it rests on."""

    verdict: str
    profile: str
    reasons: tuple[Reason, ...]
    counts: dict[str, int]
    waivers: tuple[Waiver, ...] = ()


def decide(results: Sequence[ItemResult], policy: Policy, pytest_exit: int = 0, *, deselected: int = 0) -> Verdict:
    """The verdict. A failure blocks; anything that could not be told makes it inconclusive; only what ran and held promotes.

    ``pytest_exit`` is pytest's own exit code: a session that it calls broken is never promoted. ``deselected`` scenarios
    were left out on purpose: the verdict does not speak of them, and says so.
    """
    scenarios = [result for result in results if result.tier]
    reasons = [_failed(result) for result in results if result.outcome == "failed"]
    # Also an outcome that this gate has never heard of: what it does not understand, it does not promote.
    reasons += [_untold(result) for result in results if result.outcome not in (*_HELD, "failed", "skipped")]
    reasons += [_skipped(result) for result in scenarios if result.outcome == "skipped"]
    reasons += _coverage(scenarios, policy)
    if pytest_exit not in _OVERRULED or (pytest_exit == 1 and not reasons):
        message = (
            f"pytest ended with exit code {pytest_exit}: {_PYTEST_SAYS.get(pytest_exit, 'another plugin, or a limit')}"
        )
        reasons.append(Reason(INCONCLUSIVE, "session", "block", message, pytest_exit, 0))
    if not any(reason.kind in (BLOCK, INCONCLUSIVE) for reason in reasons) and not any(
        result.outcome == "passed" for result in scenarios
    ):
        reasons.append(Reason(INCONCLUSIVE, "coverage", "block", "no scenario passed: nothing was shown to work", 0, 1))
    if deselected:
        message = f"{deselected} scenario runs were deselected: the verdict does not speak of them"
        reasons.append(Reason("remark", "selection", "info", message, deselected, 0))
    verdict = PROMOTE
    if any(reason.kind == BLOCK for reason in reasons):
        verdict = BLOCK
    elif any(reason.kind == INCONCLUSIVE for reason in reasons):
        verdict = INCONCLUSIVE
    waivers = tuple(Waiver(result.node_id, result.message) for result in results if result.outcome == "waived")
    return Verdict(verdict, policy.profile, tuple(sorted(reasons, key=_weight)), _counts(results), waivers)


def exit_code(verdict: Verdict, pytest_exit: int) -> int:
    """The process's exit code under the gate; pytest's own win, but for 0, 1 and 5 (nothing collected)."""
    return EXIT_CODES[verdict.verdict] if pytest_exit in _OVERRULED else pytest_exit


def _weight(reason: Reason) -> int:
    return {BLOCK: 0, INCONCLUSIVE: 1}.get(reason.kind, 2)


def _failed(result: ItemResult) -> Reason:
    blocks = result.severity == "block"
    return Reason(
        kind=BLOCK if blocks else "remark",
        rule="scenarios" if result.tier else "tests",
        severity=result.severity,
        message=f"{result.node_id}: {result.message}",
        actual="failed",
        limit="passed",
        evidence=result.evidence,
    )


def _untold(result: ItemResult) -> Reason:
    return Reason(
        kind=INCONCLUSIVE if result.severity == "block" else "remark",
        rule="could not run" if result.outcome == "not_run" else "could not judge",
        severity=result.severity,
        message=f"{result.node_id}: {result.message}",
        actual=result.outcome,
        limit="passed",
        evidence=result.evidence,
    )


def _skipped(result: ItemResult) -> Reason:
    return Reason(
        kind=INCONCLUSIVE if result.severity == "block" else "remark",
        rule="skipped",
        severity=result.severity,
        message=f"{result.node_id}: {result.message}",
        actual="skipped",
        limit="passed",
    )


def _coverage(scenarios: Sequence[ItemResult], policy: Policy) -> list[Reason]:
    """What was asked for and never ran: a tier without a scenario, a scenario without a tier."""
    if not scenarios:
        return [Reason(INCONCLUSIVE, "coverage", "block", "no scenario ran: nothing was verified", 0, 1)]
    judged = {"passed", "failed", "waived", "unknown"}
    reasons = [
        Reason(INCONCLUSIVE, "coverage", "block", f"no scenario ran on the tier {tier}", 0, 1)
        for tier in policy.tiers
        if not any(result.tier == tier and result.outcome in judged for result in scenarios)
    ]
    applicable = {(result.file, result.name) for result in scenarios if result.outcome != "not_applicable"}
    excluded: dict[tuple[str, str], dict[str, None]] = {}
    for result in scenarios:
        if result.severity == "block" and (result.file, result.name) not in applicable:
            why = result.message.removeprefix("not applicable: ")
            excluded.setdefault((result.file, result.name), {})[why] = None
    for (file, name), reasons_why in sorted(excluded.items()):
        told = f"{file}::{name} applies to nothing that was asked for: {'; '.join(reasons_why)}"
        reasons.append(Reason(INCONCLUSIVE, "coverage", "block", told.removesuffix(": "), 0, 1))
    return reasons


def _counts(results: Sequence[ItemResult]) -> dict[str, int]:
    found = Counter(result.outcome for result in results)
    told = sum(found[outcome] for outcome in (*_HELD, "failed", "skipped"))
    return {
        "passed": found["passed"],
        "failed": found["failed"],
        "flaky": 0,
        "skipped": found["skipped"] + found["not_applicable"],
        "waived": found["waived"],
        "not_run": len(results) - told,
    }
