"""The checks that one run failed, in the form in which results travel and are stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FailedFinding:
    """The text of a finding, with what was seen. ``missing`` marks an absence; nothing wrong was seen then."""

    text: str
    missing: bool = False


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """A check that is *invalid*, or else *unknown*, with its findings."""

    check: str
    invalid: bool
    findings: tuple[FailedFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class FailedRun:
    """A run that is not as expected: its checks that are not valid, and the text of the job's failure."""

    checks: tuple[FailedCheck, ...]
    job_failure: str | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> FailedRun:
        """Return the run that ``dataclasses.asdict`` described."""
        checks = (
            FailedCheck(check["check"], check["invalid"], tuple(FailedFinding(**one) for one in check["findings"]))
            for check in data["checks"]
        )
        return cls(tuple(checks), data["job_failure"])
