"""The answer of one check."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


class Validity(str, enum.Enum):
    """Three answers, not two: *unknown* is never a pass."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One deviation or doubt.

    ``path`` is the place in the scenario document (``("expect", "outputs", 0)``), from which the file's own line is
    printed; ``key`` names the key whose event timeline explains it. ``missing`` marks a finding that a run which ends
    early explains: nothing wrong was seen, but something expected was not.
    """

    message: str
    path: tuple[str | int, ...] = ()
    expected: Any = None
    seen: Any = None
    key: Any = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What one check says of one run."""

    check: str
    validity: Validity
    findings: tuple[Finding, ...] = ()
