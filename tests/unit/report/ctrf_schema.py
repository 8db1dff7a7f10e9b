"""The Common Test Report Format, version 0.0.0, as a JSON schema: the fields of its specification that we know of.

Written from the tables of the specification (ctrf-io/ctrf, docs/specification): a field that is not there is refused.
"""

from __future__ import annotations

from typing import Any

_TEXT: dict[str, Any] = {"type": "string"}
_NAME: dict[str, Any] = {"type": "string", "minLength": 1}
_COUNT: dict[str, Any] = {"type": "integer", "minimum": 0}
_EXTRA: dict[str, Any] = {"type": "object"}
_STATUSES = ("passed", "failed", "skipped", "pending", "other")


def _object(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": properties, "additionalProperties": False}


def _list(of: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "array", "items": of, **more}


_ATTACHMENT = _object(("name", "contentType", "path"), name=_TEXT, contentType=_TEXT, path=_TEXT, extra=_EXTRA)
_TEST = _object(
    ("name", "status", "duration"),
    id=_TEXT,
    name=_NAME,
    status={"enum": list(_STATUSES)},
    duration=_COUNT,
    start=_COUNT,
    stop=_COUNT,
    suite=_list(_TEXT, minItems=1),
    message=_TEXT,
    trace=_TEXT,
    snippet=_TEXT,
    rawStatus=_TEXT,
    tags=_list(_TEXT),
    type=_TEXT,
    filePath=_TEXT,
    line=_COUNT,
    retries=_COUNT,
    flaky={"type": "boolean"},
    stdout=_list(_TEXT),
    stderr=_list(_TEXT),
    threadId=_TEXT,
    parameters=_EXTRA,
    attachments=_list(_ATTACHMENT),
    extra=_EXTRA,
)
_SUMMARY = _object(
    ("tests", *_STATUSES, "start", "stop"),
    **dict.fromkeys(("tests", *_STATUSES, "flaky", "suites", "start", "stop", "duration"), _COUNT),
    extra=_EXTRA,
)
_ENVIRONMENT = _object(
    (),
    **dict.fromkeys(
        (
            *("reportName", "appName", "appVersion", "buildId", "buildName", "buildUrl", "repositoryName"),
            *("repositoryUrl", "commit", "branchName", "osPlatform", "osRelease", "osVersion", "testEnvironment"),
        ),
        _TEXT,
    ),
    buildNumber=_COUNT,
    healthy={"type": "boolean"},
    extra=_EXTRA,
)
_RESULTS = _object(
    ("tool", "summary", "tests"),
    tool=_object(("name",), name=_NAME, version=_TEXT, extra=_EXTRA),
    summary=_SUMMARY,
    tests=_list(_TEST),
    environment=_ENVIRONMENT,
    extra=_EXTRA,
)
CTRF_SCHEMA = _object(
    ("reportFormat", "specVersion", "results"),
    reportFormat={"const": "CTRF"},
    specVersion={"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
    reportId=_TEXT,
    timestamp=_TEXT,
    generatedBy=_TEXT,
    results=_RESULTS,
    extra=_EXTRA,
)
