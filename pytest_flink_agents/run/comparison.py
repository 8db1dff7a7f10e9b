"""A scenario's run beside its baseline: what it may do of the baseline's calls, and what differs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flink_testbed.ledger.recording import Recording
from pytest_flink_agents.checks.bounds import Amount, number_text
from pytest_flink_agents.checks.comparison import Compared, Side, compare_sides
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.checks.usage import tokens_of_inputs, total_tokens
from pytest_flink_agents.compare.sides import AllowRule
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.gate import UNITS, Figure
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import MASK, Redactor
from pytest_flink_agents.report.evidence_file import as_stored, read_evidence
from pytest_flink_agents.run.figures import figures
from pytest_flink_agents.scenario.comparison import Compare, allow_path
from pytest_flink_agents.scenario.load import LoadedScenario

_SHOWN = ("tokens", "latency_p95")
_KEYS = 3


def stored_side(loaded: LoadedScenario) -> Side:
    """Return the stored run that a scenario is compared with."""
    named = str(_compare(loaded).baseline.evidence)
    file = loaded.path(named)
    try:
        return Side("baseline stored", read_evidence(file))
    except (OSError, ValueError) as error:
        return Side("baseline stored", None, f"{named} cannot be read: {str(error).partition(chr(10))[0]}")


def recording_of(loaded: LoadedScenario, baseline: Side) -> Recording | None:
    """Return the calls that the scenario's own run may make, None for any.

    If its calls may differ from the baseline's, or secrets are masked in these, they are only counted by endpoint and
    method.
    """
    if baseline.evidence is None or baseline.evidence.effects is None:
        return None
    compare, calls = _compare(loaded), baseline.evidence.effects
    masked = compare.baseline.evidence is not None and any(MASK in call.content for call in calls)
    may_differ = masked or any(text.startswith("effects") for text in compare.allow)
    return Recording.of(calls, exact=not may_differ)


def compared_with(baseline: Side, loaded: LoadedScenario, evidence: Evidence, services: Services) -> Compared:
    """Return a run beside its baseline."""
    compare = _compare(loaded)
    stored = compare.baseline.evidence is not None
    tier = f"tier {evidence.tier}" if compare.baseline.tier else "candidate"
    rules = [AllowRule(text, allow_path(text)) for text in compare.allow]
    side = _as_stored(tier, evidence, services.redactor) if stored else Side(tier, evidence)
    comparison = compare_sides(baseline, side, rules, stored=stored)
    if stored and MASK in repr((side.evidence, baseline.evidence)):
        comparison = replace(comparison, remarks=(*comparison.remarks, "secrets are not compared: they are masked"))
    if baseline.evidence is not None:
        prices = services.settings.prices
        before, after = (figures(loaded.scenario, each, prices) for each in (baseline.evidence, evidence))
        of_runs = [_pair(word, before, after) for word in _SHOWN if before[word].value or after[word].value]
        scripted = loaded.scenario.llm is not None
        of_keys = _tokens_of_keys(baseline.evidence, evidence, scripted=scripted)
        comparison = replace(comparison, figures=(*of_runs, *of_keys))
    return Compared(comparison, baseline.evidence)


def _as_stored(tier: str, evidence: Evidence, redactor: Redactor) -> Side:
    """Return a run as it would be stored: what is stored has no secrets any more."""
    try:
        return Side(tier, as_stored(evidence, redactor))
    except ValueError as error:
        return Side(tier, None, f"the {tier} cannot be compared as stored evidence: {str(error).partition(chr(10))[0]}")


def _tokens_of_keys(before: Evidence, after: Evidence, *, scripted: bool) -> list[tuple[str, str, str]]:
    """Return the tokens of the keys that used another number of them, the largest differences first."""
    sides = [_by_key(tokens_of_inputs(each, total_tokens(each, scripted=scripted))) for each in (before, after)]
    one, other = sides
    changed = [key for key in one if key in other and one[key] != other[key]]
    changed.sort(key=lambda key: -abs(other[key] - one[key]))
    return [(f"tokens of key {key}", number_text(one[key]), number_text(other[key])) for key in changed[:_KEYS]]


def _by_key(amounts: Sequence[Amount]) -> dict[str, float]:
    found: dict[str, float] = {}
    for amount in amounts:
        if amount.value is not None:
            found[identity(amount.key)] = found.get(identity(amount.key), 0) + amount.value
    return found


def _pair(word: str, before: Mapping[str, Figure], after: Mapping[str, Figure]) -> tuple[str, str, str]:
    values = (side[word].value for side in (before, after))
    texts = ["not known" if value is None else f"{number_text(value)}{UNITS[word]}" for value in values]
    return word, texts[0], texts[1]


def _compare(loaded: LoadedScenario) -> Compare:
    assert loaded.scenario.compare is not None
    return loaded.scenario.compare
