"""``evidence.json``: the evidence of one run and the results of its checks; ``timeline.svg``: its picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.evidence.history import history_of
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.files import write_text
from pytest_flink_agents.report.json_files import write_json
from pytest_flink_agents.report.timeline_picture import timeline_picture
from pytest_flink_agents.scenario.stored_evidence import EVIDENCE_SCHEMA, evidence_data

EVIDENCE_FILE = "evidence.json"
PICTURE_FILE = "timeline.svg"


def write_evidence(
    folder: Path,
    evidence: Evidence,
    results: Sequence[CheckResult],
    redactor: Redactor,
    scenario: str = "",
    places: Sequence[tuple[str, Sequence[tuple[int, str]]]] = (),
) -> None:
    """Write one run's evidence and check results to ``folder``, and a picture if it had effects or faults.

    ``scenario`` is the name of the scenario with that of its combination, empty for the run of a Python test. ``places``
    has ``file:line`` and the scenario's own lines for each finding of what is not valid.
    """
    named = [{"place": place, "lines": lines} for place, lines in places]
    data = {
        "schema_version": EVIDENCE_SCHEMA,
        "scenario": scenario,
        "evidence": evidence,
        "checks": results,
        "places": named,
    }
    write_json(folder / EVIDENCE_FILE, data, redactor)
    # A history of many inputs takes time to build, and most runs have nothing to draw.
    picture = timeline_picture(history_of(evidence), redactor) if evidence.steps or evidence.effects else ""
    if picture:
        write_text(folder / PICTURE_FILE, picture)


def read_evidence(file: Path) -> Evidence:
    """Return the evidence that :func:`write_evidence` wrote, without its secrets.

    Raises ``OSError`` and ``ValueError`` for a file that is none.
    """
    return _evidence(json.dumps(evidence_data(file).get("evidence")))


def as_stored(evidence: Evidence, redactor: Redactor) -> Evidence:
    """Return evidence as :func:`read_evidence` would: what is compared with a stored run has no secrets, either."""
    return _evidence(redactor.json(evidence))


def _evidence(text: str) -> Evidence:
    # Imported here: a session that only writes evidence does not need it.
    from pydantic import TypeAdapter

    return TypeAdapter(Evidence).validate_json(text)
