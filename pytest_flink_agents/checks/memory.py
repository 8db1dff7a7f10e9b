"""The check of the short-term memory of each key at the end of a run."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.checks.bounds import Path
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.outputs import Matches, identity
from pytest_flink_agents.evidence.model import Evidence

NAME = "memory"
_NAMED_KEYS = 5


@dataclass(frozen=True, slots=True)
class ExpectedValue:
    """The expected value at a dotted path of one key's memory.

    ``key`` is a key of the scenario's mapping: the text of a str key, or the JSON of another.
    """

    path: Path
    key: str
    at: str
    matcher: Matches


def check_memory(expected: Sequence[ExpectedValue], evidence: Evidence) -> CheckResult:
    """Return *invalid* if a value in memory is not the expected one.

    *Unknown* if the memory is not known: of upstream's engine, on a cluster of other machines, and after a run that failed
    or was cut short.
    """
    if evidence.memory is None:
        message = f"the memory at the end is not known{_reason(evidence)}"
        finding = Finding(message, ("expect", "memory"), "memory", "unknown")
        return CheckResult(NAME, Validity.UNKNOWN, (finding,))
    known = {identity(one.key): one.values for one in evidence.memory}
    findings = [finding for one in expected for finding in _differences(one, known)]
    return CheckResult(NAME, Validity.INVALID if findings else Validity.VALID, tuple(findings))


def _reason(evidence: Evidence) -> str:
    if evidence.engine == "upstream":
        return ": upstream's engine does not show it"
    if evidence.failure or not evidence.complete:
        return ""
    return ": its files are on another machine, or hold more than 256 MiB"


def _differences(expected: ExpectedValue, known: Mapping[str, Mapping[str, Any]]) -> list[Finding]:
    key = _identity(expected.key, known)
    if key not in known:
        message = f"the memory of key {key} is empty"
        keys = ", ".join(sorted(known)[:_NAMED_KEYS]) or "no key"
        return [Finding(message, expected.path, f"a value at {expected.at}", f"memory of {keys}", missing=True)]
    values = known[key]
    if expected.at not in values:
        paths = ", ".join(sorted(values)) or "no value"
        message = f"the memory of key {key} has nothing at {expected.at}"
        return [Finding(message, expected.path, f"a value at {expected.at}", paths, key=expected.key, missing=True)]
    seen = values[expected.at]
    return [
        Finding(
            f"the memory of key {key} is not as expected at {'.'.join([expected.at, *map(str, one.at)])}",
            expected.path,
            one.expected_text,
            seen,
            key=expected.key,
        )
        for one in expected.matcher.match(seen)[:1]
    ]


def _identity(written: str, known: Container[str]) -> str:
    """Return the identity of the key that is written as a str, or as the JSON of another key."""
    text = identity(written)
    if text not in known:
        with suppress(ValueError):
            other = identity(json.loads(written))
            return other if other in known else text
    return text
