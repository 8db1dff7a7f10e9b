"""The result of one check."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Any


class Validity(str, enum.Enum):
    """The answer of a check. *Unknown* never passes."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """One deviation from an expectation, or one reason for doubt.

    ``path`` is the place in the scenario document (``("expect", "outputs", 0)``), from which the
    file's own line is printed; ``key`` is the key whose event timeline explains it. ``missing``
    marks the absence of something expected, which a run that ended early explains; nothing wrong
    was seen.
    """

    message: str
    path: tuple[str | int, ...] = ()
    expected: Any = None
    seen: Any = None
    key: Any = None
    missing: bool = False


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The answer of one check about one run, with its findings."""

    check: str
    validity: Validity
    findings: tuple[Finding, ...] = ()
