"""The file that ``compare: {baseline: {evidence: ...}}`` names: the evidence of an earlier run of the scenario.

Must never import: pydantic, yaml, pytest, anything that starts a process.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pytest_flink_agents.scenario.boundary.places import open_regular
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe, shorten

EVIDENCE_SCHEMA = "1"
_BYTES = 256 * 1024 * 1024
_PLACE: DocumentPath = ("compare", "baseline", "evidence")
_NEXT_STEP = "name evidence.json of a run folder of this scenario, or run its baseline: {git: v1.4.0}"


def evidence_data(file: Path) -> dict[str, Any]:
    """Return the content of ``evidence.json``. Raises ``ValueError`` for anything but one of this schema."""
    with open_regular(file) as stream:
        content = stream.read(_BYTES + 1)
    if len(content) > _BYTES:
        raise ValueError(f"more than {_BYTES // 1024 // 1024} MiB")
    try:
        data = json.loads(content)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(data, dict) or data.get("schema_version") != EVIDENCE_SCHEMA:
        seen = describe(data.get("schema_version") if isinstance(data, dict) else data)
        raise ValueError(f"schema_version {seen}, not {EVIDENCE_SCHEMA!r}")
    return data


def evidence_mistakes(file: Path, shown: str, scenario: str) -> Iterator[Mistake]:
    """Yield the mistake of a file that is no evidence, or that of another scenario than the one with this name.

    The name has that of the combination, too: each combination of a matrix is a scenario of its own.
    """
    try:
        data = evidence_data(file)
    except (OSError, ValueError) as error:
        message, expected = "the stored evidence cannot be compared with", "a whole evidence.json of this version"
        yield Mistake("FA439", _PLACE, f"{message}: {shown}", expected, shorten(str(error)), _NEXT_STEP)
        return
    if data.get("scenario") != scenario:
        message = f"the stored evidence is that of another scenario: {shown}"
        yield Mistake("FA439", _PLACE, message, describe(scenario), describe(data.get("scenario")), _NEXT_STEP)
