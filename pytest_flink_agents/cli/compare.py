"""``flink-agents-gate compare``: what a second plan of an agent changes, and what becomes unreachable by it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from pytest_flink_agents.cli.plan import read_plan
from pytest_flink_agents.compare.plans import compare_plans
from pytest_flink_agents.redact import Redactor, one_line


def compare(baseline: str, candidate: str, options: Sequence[str]) -> tuple[int, str]:
    """Return 1 if something becomes unreachable, else 0, and one line for each difference.

    Each plan is a JSON file, or that of ``module:Class``; ``options`` are pytest's. Raises ``HostError`` or
    ``JobError`` if one is no plan.
    """
    changes = compare_plans(*(read_plan(reference, options) for reference in (baseline, candidate)))
    lines = [one_line(change.text) for change in changes] or ["the plans have no difference"]
    return int(any(change.unreachable for change in changes)), Redactor(os.environ).text("\n".join(lines))
