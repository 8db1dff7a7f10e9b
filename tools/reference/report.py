"""Generate the page of report files with the JSON Schema of each file that programs read."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ConfigDict, TypeAdapter, with_config
from typing_extensions import TypedDict

from pytest_flink_agents.checks.finding import CheckResult
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.gate import Figure, ItemResult, Outcome, Selection
from pytest_flink_agents.gate.reason import Reason
from pytest_flink_agents.gate.rules import RuleAnswer
from pytest_flink_agents.gate.verdict import VerdictKind, Waiver
from pytest_flink_agents.identity import GitState
from pytest_flink_agents.vocabulary import Tier
from tools.reference.markdown import block, code, page, table

_STRICT = ConfigDict(extra="forbid")

FILES = {
    "summary.md": "the verdict, its reasons, a table of scenarios by tier and the failures, for people",
    "verdict.json": "the verdict, its reasons, counts and digests, for programs ([schema](#verdictjson))",
    "report.json": "the result of each item, from which `flink-agents-gate judge` decides anew ([schema](#reportjson))",
    "junit.xml": "one suite for each tier and Flink version, for CI servers; a result that is unknown is an `error`",
    "pull-request.md": "the verdict as a comment for a pull request, at most 60,000 characters",
    "ctrf-report.json": "the results in the Common Test Report Format",
    "gl-code-quality-report.json": "the reasons of the verdict at the lines of scenarios, as GitLab reads code quality",
    "environment.json": "what the session ran on ([schema](#environmentjson))",
    "events.jsonl": "what happened in the session, one line each, written at once ([schema](#eventsjsonl))",
    "test-result.intoto.json": "what was tested and the digest of every file, as an in-toto statement, signed or not",
    "report.html": "the same and more as one page, for people: needs no network and no script",
    "artifacts/NODE/ATTEMPT/evidence.json": "everything that one run produced, and its checks ([schema](#evidencejson))",
    "artifacts/NODE/ATTEMPT/timeline.svg": "a picture of a run with effects or faults",
    "artifacts/NODE/ATTEMPT/events/": "the event log of the run",
    "artifacts/NODE/ATTEMPT/logs/": "what the cluster logged during the run; `thread-dump.txt` of a stuck job",
    "artifacts/NODE/ATTEMPT/inputs.jsonl": "the inputs, on Flink",
    "artifacts/NODE/ATTEMPT/outputs/": "the outputs, on Flink",
    "running/": "logs and data of the session's clusters, workers and broker",
}


@with_config(_STRICT)
class Subject(TypedDict):
    """Something that was tested: a name and its sha256."""

    name: str
    digest: str


@with_config(_STRICT)
class Tool(TypedDict):
    """The program that decided."""

    name: str
    version: str


@with_config(_STRICT)
class ComparedFigure(TypedDict):
    """One figure of an item, in the baseline and in this session."""

    node_id: str
    figure: str
    before: Figure
    now: Figure


@with_config(_STRICT)
class ComparedBaseline(TypedDict):
    """The session that the figures were compared with, and the sha256 of its report.json."""

    name: str
    digest: str
    figures: list[ComparedFigure]


@with_config(_STRICT)
class VerdictFile(TypedDict):
    """``verdict.json``. Times are ISO 8601 in UTC."""

    schema_version: str
    verdict: VerdictKind
    profile: str
    policy: str
    reasons: list[Reason]
    rules: list[RuleAnswer]
    counts: dict[str, int]
    waivers: list[Waiver]
    subjects: list[Subject]
    scenarios: list[Subject]
    configurations: list[Subject]
    parts: list[Subject]
    policies: list[Subject]
    git: GitState
    policy_digest: str
    scenarios_digest: str
    identity_digest: str
    baseline: ComparedBaseline | None
    started: str
    finished: str
    tool: Tool


@with_config(_STRICT)
class ReportFile(TypedDict):
    """``report.json``: what a verdict is made of, besides the policy."""

    schema_version: str
    counts: dict[Outcome, int]
    results: list[ItemResult]
    selection: Selection
    tiers: list[Tier]
    named_tiers: list[Tier]
    pytest_exit: int
    changed: list[str]
    unexplained: int
    doubts: list[str]
    options: dict[str, str]


@with_config(ConfigDict(extra="allow"))
class SessionEvent(TypedDict):
    """One line of ``events.jsonl``; the other fields depend on ``kind``."""

    time: str
    kind: str


@with_config(_STRICT)
class FindingPlace(TypedDict):
    """``file:line`` of an expectation, and the scenario's lines there with their numbers."""

    place: str
    lines: list[tuple[int, str]]


@with_config(_STRICT)
class EvidenceFile(TypedDict):
    """``evidence.json``: the evidence of one run, and the results of its checks.

    ``scenario`` is the name of the scenario, empty for the run of a Python test. ``places`` has one for each finding of
    the checks that are not valid, in their order.
    """

    schema_version: str
    scenario: str
    evidence: Evidence
    checks: list[CheckResult]
    places: list[FindingPlace]


VERDICT_FILE: TypeAdapter[VerdictFile] = TypeAdapter(VerdictFile)
REPORT: TypeAdapter[ReportFile] = TypeAdapter(ReportFile)
ENVIRONMENT_FILE: TypeAdapter[dict[str, str]] = TypeAdapter(dict[str, str])
SESSION_EVENT: TypeAdapter[SessionEvent] = TypeAdapter(SessionEvent)
EVIDENCE_FILE: TypeAdapter[EvidenceFile] = TypeAdapter(EvidenceFile)


def report_page() -> str:
    """Return the page."""
    parts = [
        "Each session writes a run folder below `flink-agents-report/` (`--flink-report-dir`). `latest` links to the newest "
        "one, or `latest.txt` names it if the file system has no links. The newest twenty folders are kept "
        "(`--flink-report-runs`). Secrets are masked in every file.",
        table(("file", "content"), [(code(name), content) for name, content in FILES.items()]),
        "NODE is the node id of the test in a form that file systems accept; ATTEMPT counts from 1.",
    ]
    schemas: dict[str, TypeAdapter[Any]] = {
        "verdict.json": VERDICT_FILE,
        "report.json": REPORT,
        "environment.json": ENVIRONMENT_FILE,
        "events.jsonl": SESSION_EVENT,
        "evidence.json": EVIDENCE_FILE,
    }
    for name, adapter in schemas.items():
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **_tidy(adapter.json_schema())}
        parts += [f"## {name}", block("json", json.dumps(schema, indent=2))]
    return page("Report files", *parts)


def _tidy(schema: Any) -> Any:
    """Return the schema without the titles that pydantic makes of names, and with the first paragraph of descriptions."""
    if isinstance(schema, list):
        return [_tidy(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    tidy = {key: _tidy(value) for key, value in schema.items() if key != "title" or not isinstance(value, str)}
    if isinstance(tidy.get("description"), str):
        first = tidy["description"].partition("\n\n")[0]
        tidy["description"] = " ".join(first.replace("``", "").split())
    return tidy
