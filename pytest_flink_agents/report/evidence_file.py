"""``evidence.json``: the evidence of one run and the results of its checks; ``timeline.svg``: its picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.evidence.history import history_of
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.json_files import write_json
from pytest_flink_agents.report.timeline_picture import timeline_picture


def write_evidence(folder: Path, evidence: Evidence, results: Sequence[CheckResult], redactor: Redactor) -> None:
    """Write one run's evidence and check results to ``folder``, and a picture if it had effects or faults."""
    write_json(folder / "evidence.json", {"evidence": evidence, "checks": results}, redactor)
    # A history of many inputs takes time to build, and most runs have nothing to draw.
    picture = timeline_picture(history_of(evidence), redactor) if evidence.steps or evidence.effects else ""
    if picture:
        write_text(folder / "timeline.svg", picture)
