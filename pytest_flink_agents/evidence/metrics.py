"""The metrics of an agent's subtasks, as one mapping."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_FILES, _UNFINISHED = "metrics-*.json", "metrics-*.part"
_OF_AGENT = re.compile(r"metrics-(.+)-[0-9a-f]{8}\.(?:json|part)")
_COUNT, _MEAN, _MIN = re.compile(r"[._]count$"), re.compile(r"\.mean$"), re.compile(r"[._]min$")
# Statistics of a histogram by their names in Flink's REST API, which shows no count, and others besides.
_HISTOGRAM = {
    "_mean": ".mean",
    "_min": ".min",
    "_max": ".max",
    "_median": ".p50",
    "_p95": ".p95",
    "_p99": ".p99",
}
_FLINKS_OWN = ("_stddev", "_p75", "_p90", "_p98", "_p999")
# Other metrics whose sum over subtasks has no meaning.
_NO_SUM = re.compile(r"LatencyMs|Watermark|[._](?:mean|max|stddev|median|p\d+)$")


def read_metrics(directory: Path) -> dict[str, float] | None:
    """Return the last metrics of a job with the bundled engine, None if any are missing.

    Each subtask writes one file when it ends, also one that a restart replaces. If its process was
    killed, its unfinished file remains.
    """
    if any(directory.glob(_UNFINISHED)):
        return None
    files = sorted(directory.glob(_FILES))
    return merged(json.loads(path.read_text(encoding="utf-8")) for path in files) or None


def reporting_agents(directory: Path) -> set[str]:
    """Return the names of a job's agents: each subtask has a file of metrics, whatever it logs."""
    found = (_OF_AGENT.fullmatch(path.name) for name in (_FILES, _UNFINISHED) for path in directory.glob(name))
    return {match[1] for match in found if match}


def merged(shares: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Return the metrics of all subtasks together.

    Values are added up. Means are weighted by their counts; of minima the smallest counts, of
    latencies, quantiles and others without a sum the largest.
    """
    shares = list(shares)
    seen: dict[str, list[float]] = {}
    for share in shares:
        for name, value in share.items():
            seen.setdefault(name, []).append(value)
    means = {name: _mean(name, shares) for name in seen}
    return {name: _together(name, values) if (mean := means[name]) is None else mean for name, values in seen.items()}


def with_common_names(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return metrics of Flink's REST API under the names of the bundled engine's own report.

    They differ for histograms: ``x_p95`` becomes ``x.p95``.
    """
    histograms = {name.removesuffix("_p999") for name in metrics if name.endswith("_p999")}
    own = {f"{name}{suffix}" for name in histograms for suffix in _FLINKS_OWN}
    renamed = {f"{name}{flinks}": f"{name}{ours}" for name in histograms for flinks, ours in _HISTOGRAM.items()}
    return {renamed.get(name, name): value for name, value in metrics.items() if name not in own}


def _mean(name: str, shares: Iterable[Mapping[str, float]]) -> float | None:
    """Return the mean of all subtasks, None for another metric or without values."""
    if not _MEAN.search(name):
        return None
    count_name = f"{name.removesuffix('.mean')}.count"
    parts = [(share[name], share[count_name]) for share in shares if name in share and count_name in share]
    count = sum(each for _, each in parts)
    return sum(mean * each for mean, each in parts) / count if count else None


def _together(name: str, values: list[float]) -> float:
    if _COUNT.search(name):
        return sum(values)
    if _MIN.search(name):
        return min(values)
    return max(values) if _NO_SUM.search(name) else sum(values)
