"""The check of metrics, which releases name differently."""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pytest_flink_agents.checks.bounds import CUT_SHORT, Amount, Bounds, combined, judged_amount, number_text
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.evidence.model import Evidence

NAME = "metrics"
_NEAR = 3
# The last part of a histogram's value: a dot on the local tier, an underscore in Flink's REST.
_STATISTIC = re.compile(r"_(count|mean|min|max|stddev|p\d+)$")
# Names of 0.4 and later, by those of 0.1 and 0.3.
_LATER = {
    "eventLogTruncatedEvents": "traceLogTruncatedRecords",
    "eventLogWriteFailures": "traceLogWriteFailures",
}


@dataclass(frozen=True, slots=True)
class ExpectedMetric:
    """The bounds of every metric of a name."""

    name: str
    bounds: Bounds


def check_metrics(expected: Sequence[ExpectedMetric], evidence: Evidence) -> CheckResult:
    """Return *invalid* if a metric has another value than expected.

    A name is that of a metric, or its end behind a dot; ``*`` stands for any characters. The metric
    with exactly this name counts alone, otherwise every metric that ends in it. *Unknown* if there is
    none, and for values from before the end: those that Flink showed last, and those of a run that
    was cut short.
    """
    if evidence.metrics is None:
        finding = Finding("the run has no metrics", ("expect", "metrics"), "metrics", "none")
        return CheckResult(NAME, Validity.UNKNOWN, (finding,))
    metrics = evidence.metrics
    return combined(NAME, [one for each in expected for one in _judged(each, metrics, evidence)])


def _judged(
    expected: ExpectedMetric, metrics: Mapping[str, float], evidence: Evidence
) -> list[tuple[Validity, Finding | None]]:
    found = matching(expected.name, metrics)
    if not found:
        near = difflib.get_close_matches(expected.name, metrics, _NEAR, cutoff=0.5)
        hint = f"; the nearest are {', '.join(near)}" if near else ""
        finding = Finding(f"no metric is named {expected.name}{hint}", expected.bounds.path, expected.name, "none")
        return [(Validity.UNKNOWN, finding)]
    reason = "" if evidence.metrics_final else "Flink showed it last before the job ended"
    reason = reason or ("" if evidence.complete else CUT_SHORT)
    named = [(f"the metric {name}", value) for name, value in found.items()]
    if reason:
        return [(Validity.UNKNOWN, _last_seen(name, value, expected.bounds, reason)) for name, value in named]
    return [judged_amount(expected.bounds, Amount(name, value)) for name, value in named]


def _last_seen(name: str, value: float, bounds: Bounds, reason: str) -> Finding:
    """Return the doubt about a value that may have changed since: a gauge grows and shrinks."""
    seen = number_text(value)
    return Finding(f"{name} was {seen} when it was last seen: {reason}", bounds.path, bounds.text, seen)


def matching(name: str, metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the metrics of a name, in the dialect of any release."""
    for wanted in filter(None, (name, _LATER.get(name))):
        if wanted in metrics:
            return {wanted: metrics[wanted]}
        plain = _plain(wanted)
        whole = re.compile(rf"(?:.*\.)?{fnmatch.translate(_escaped(plain))}", re.S)
        found = {known: value for known, value in metrics.items() if whole.match(_plain(known))}
        exact = {known: value for known, value in found.items() if _plain(known) == plain}
        if found:
            return exact or found
    return {}


def _plain(name: str) -> str:
    return _STATISTIC.sub(r".\1", name)


def _escaped(pattern: str) -> str:
    """Return a pattern in which only ``*`` is special."""
    return re.sub(r"([\[?])", r"[\1]", pattern)
