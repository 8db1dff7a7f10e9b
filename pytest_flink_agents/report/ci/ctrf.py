"""``ctrf-report.json``: the results in the Common Test Report Format.

Facts: the specification and the JSON schema of ctrf-io/ctrf, whose version is 0.0.0. Times are milliseconds, those of
the run since 1970.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pytest_flink_agents.gate import ItemResult, Outcome, Verdict
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.shorten import shorten, shorten_line
from pytest_flink_agents.version import __version__

_SPEC_VERSION = "0.0.0"
_TOOL = "pytest-flink-agents"
_STATUSES = ("passed", "failed", "skipped", "pending", "other")
# An outcome that is not here is `other`: no reader may count it as passed.
_STATUS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.FLAKY: "failed",
    Outcome.SKIPPED: "skipped",
    Outcome.NOT_APPLICABLE: "skipped",
    Outcome.WAIVED: "skipped",
}


def ctrf_report(
    verdict: Verdict,
    environment: Mapping[str, str],
    *,
    started: str,
    finished: str,
    commit: str,
    redactor: Redactor,
) -> dict[str, Any]:
    """Return the report as plain data; ``started`` and ``finished`` are times in ISO 8601, ``commit`` may be empty."""
    tests = [_test(result, redactor) for result in verdict.results]
    counts = Counter(test["status"] for test in tests)
    facts = {name: shorten_line(redactor.line(value)) for name, value in environment.items() if value}
    about: dict[str, Any] = {
        "osPlatform": facts.get("system", "").partition(" ")[0].lower(),
        "testEnvironment": shorten_line(redactor.line(verdict.profile)),
        "commit": commit,
    }
    return {
        "reportFormat": "CTRF",
        "specVersion": _SPEC_VERSION,
        "timestamp": finished,
        "generatedBy": f"{_TOOL} {__version__}",
        "extra": {"verdict": verdict.verdict.value},
        "results": {
            "tool": {"name": _TOOL, "version": __version__},
            "summary": {
                "tests": len(tests),
                **{status: counts[status] for status in _STATUSES},
                "flaky": sum(result.outcome is Outcome.FLAKY for result in verdict.results),
                "start": _milliseconds(started),
                "stop": _milliseconds(finished),
            },
            "tests": tests,
            "environment": {**{name: value for name, value in about.items() if value}, "extra": facts},
        },
    }


def _test(result: ItemResult, redactor: Redactor) -> dict[str, Any]:
    def clean(text: str) -> str:
        return shorten_line(redactor.line(text))

    place = f"{result.tier}-{result.flink_version}" if result.tier else "tests"
    file, evidence = clean(result.file), clean(result.evidence)
    optional = {
        "message": clean(result.message),
        "trace": shorten(redactor.text(result.detail), result.evidence),
        "filePath": file,
        "line": result.line,
        "tags": [clean(tag) for tag in result.tags],
        "retries": result.attempt - 1,
        "attachments": [{"name": "evidence", "contentType": "application/json", "path": f"{evidence}/evidence.json"}]
        if evidence
        else [],
    }
    extra = {
        "nodeId": result.node_id,
        "engine": str(result.engine),
        "severity": result.severity,
        "requirement": result.requirement,
        "owner": result.owner,
        "runs": result.runs,
        "reproduce": result.reproduce,
    }
    return {
        "name": clean(result.name) or "unnamed",
        "status": "passed" if result.tolerated else _STATUS.get(result.outcome, "other"),
        "rawStatus": result.outcome.value,
        "duration": round(result.duration_s * 1000),
        "suite": [place, *([file] if file else [])],
        "flaky": result.outcome is Outcome.FLAKY,
        **{name: value for name, value in optional.items() if value},
        "extra": {name: clean(value) for name, value in extra.items() if value},
    }


def _milliseconds(time: str) -> int:
    return round(datetime.fromisoformat(time).timestamp() * 1000)
