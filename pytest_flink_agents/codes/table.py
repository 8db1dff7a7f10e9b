"""The lookup of error codes over the tables of all ranges.

Must never import: anything but the standard library.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from pytest_flink_agents.codes import environment, harness, job, lint, policy, scenario, services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_flink_agents.codes.entry import ErrorCode

TABLES: tuple[Mapping[str, ErrorCode], ...] = (
    scenario.CODES,
    job.CODES,
    policy.CODES,
    environment.CODES,
    services.CODES,
    lint.CODES,
    harness.CODES,
)


def all_codes() -> Mapping[str, ErrorCode]:
    """Return every code with its description, in ascending order."""
    return MappingProxyType(dict(sorted(entry for table in TABLES for entry in table.items())))


def explain(code: str) -> str | None:
    """Return the explanation of a code as text.

    None for an unknown code.
    """
    entry = all_codes().get(code.upper())
    if entry is None:
        return None
    parts = [f"{code.upper()}: {entry.title}", f"Fault of: {entry.fault.value}", entry.explanation]
    parts.append(f"Next step: {entry.next_step}")
    if entry.example:
        parts.append(f"Example: {entry.example}")
    return "\n\n".join(parts)
