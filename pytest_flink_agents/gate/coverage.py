"""The reasons that a session gives by what it left out, or did not show. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_flink_agents.gate.policy import Policy, Selection
from pytest_flink_agents.gate.reason import Reason, ReasonKind
from pytest_flink_agents.gate.result import RAN, ItemResult, Outcome
from pytest_flink_agents.gate.result_reasons import LOWERED
from pytest_flink_agents.gate.rules import works
from pytest_flink_agents.vocabulary import Tier


def coverage(scenarios: Sequence[ItemResult], policy: Policy, selection: Selection) -> list[Reason]:
    """Return a reason for each tier without a scenario or left out, and for each scenario without a tier."""
    if not scenarios:
        return [_not_covered("no scenario ran: nothing was verified")]
    reasons = [
        _not_covered(f"no scenario ran on the tier {tier}")
        for tier in policy.tiers
        if not _ran_on(tier, scenarios) and (tier in policy.named_tiers or _applies_to(tier, scenarios))
    ]
    on_flink = any(result.tier is not Tier.LOCAL and result.outcome in RAN for result in scenarios)
    # A policy that states its tiers decides whether Flink is needed.
    if not reasons and policy.rules.tiers is None and not on_flink and not selection.tiers_left_out:
        asked = ", ".join(policy.tiers)
        reasons.append(_not_covered(f"no scenario ran on Flink, only on {asked}: add --flink-tier=embedded"))
    return [*reasons, *_left_out_tiers(selection, policy), *_without_a_tier(scenarios)]


def _left_out_tiers(selection: Selection, policy: Policy) -> list[Reason]:
    """Return a reason if scenarios run by default on tiers that the user did not name, with these tiers and scenarios.

    A policy that states its tiers says which ones are enough.
    """
    if policy.rules.tiers is not None or not selection.tiers_left_out:
        return []
    tiers = []
    for tier, (first, *others) in selection.tiers_left_out.items():
        more = f" and {len(others)} more" if others else ""
        tiers.append(f"{tier} ({first}{more})")
    message = (
        f"--flink-tier leaves out {', '.join(tiers)}: add the tier, or let a policy say which tiers are enough, under "
        "require"
    )
    missing = [f"{name} on {tier}" for tier, names in selection.tiers_left_out.items() for name in names]
    return [Reason(ReasonKind.INCONCLUSIVE, "coverage", "block", message, missing, [])]


def nothing_shown(scenarios: Sequence[ItemResult], policy: Policy) -> list[Reason]:
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
        if result.severity not in LOWERED and (result.file, result.name) not in applicable:
            why = result.message.removeprefix("not applicable: ")
            excluded.setdefault((result.file, result.name), {})[why] = None
    reasons = []
    for (file, name), whys in sorted(excluded.items()):
        message = f"{file}::{name} applies to no tier and Flink version of this session: {'; '.join(whys)}"
        reasons.append(_not_covered(message.removesuffix(": ")))
    return reasons


def real_models(scenarios: Sequence[ItemResult], policy: Policy) -> list[Reason]:
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


def left_out(selection: Selection) -> list[Reason]:
    """Return a reason for each way in which the session left scenarios out."""
    messages: list[tuple[str, Any]] = []
    if selection.shard:
        shard = selection.shard
        message = (
            f"this is shard {shard} of {shard.items} items: `flink-agents-gate merge` joins the reports of all shards"
        )
        messages.append((message, str(shard)))
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
    if selection.deselected_tests:
        count = selection.deselected_tests
        message = f"{count} plain test{'s were' if count != 1 else ' was'} deselected"
        reasons.append(Reason(ReasonKind.REMARK, "tests", "info", message, count, 0))
    return reasons


def _not_covered(message: str) -> Reason:
    return Reason(ReasonKind.INCONCLUSIVE, "coverage", "block", message, 0, 1)
