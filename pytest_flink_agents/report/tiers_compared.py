"""The runs of one scenario on several tiers beside each other, from the evidence in a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from pytest_flink_agents.checks.comparison import Side, compare_sides
from pytest_flink_agents.gate import ItemResult
from pytest_flink_agents.report.evidence_file import EVIDENCE_FILE, read_evidence


def with_tiers_compared(results: Sequence[ItemResult], folder: Path) -> tuple[ItemResult, ...]:
    """Return the results, each that is not the first of its scenario beside the first one.

    These comparisons only show: whether a scenario passes is decided on each tier alone.
    """
    first: dict[tuple[str, str], tuple[ItemResult, Side]] = {}
    found = []
    for result in results:
        name = (result.file, result.name)
        if not result.tier or not result.ran:
            found.append(result)
        elif name not in first:
            first[name] = (result, _side(result, folder))
            found.append(result)
        else:
            comparison = compare_sides(first[name][1], _side(result, folder))
            found.append(replace(result, comparisons=(*result.comparisons, comparison)))
    return tuple(found)


def _side(result: ItemResult, folder: Path) -> Side:
    name = f"{result.tier}-{result.flink_version}"
    if result.runs:
        # Only one run of a repeated scenario is compared: that which the report shows.
        name = f"{name} {Path(result.evidence).name}{' (not as expected)' if result.failed_runs else ''}"
    try:
        return Side(name, read_evidence(folder / result.evidence / EVIDENCE_FILE))
    except (OSError, ValueError) as error:
        return Side(name, None, f"the evidence on {name} cannot be read: {str(error).partition(chr(10))[0]}")
