"""The trace of a session: its spans, their order and times, and the two ways out."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.evidence.model import Event, Evidence, StepRecord
from pytest_flink_agents.evidence.model_calls import ModelCall
from pytest_flink_agents.gate import ItemResult, Outcome, Policy, Selection, decide
from pytest_flink_agents.identity import GitState, Identity
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.event_writer import EventWriter
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.report.json_files import write_verdict
from pytest_flink_agents.report.otel.export import export_session, otlp_json
from pytest_flink_agents.report.otel.spans import session_spans
from pytest_flink_agents.report.otel.stored import read_session
from pytest_flink_agents.report.stored_run import StoredRun, write_run
from pytest_flink_agents.vocabulary import Tier

NONE = Redactor({})
START_S = 1_800_000_000


def at(second: float) -> str:
    return f"2027-01-15T08:00:{second:09.6f}Z"


EVENTS = (
    Event("_input_event", {"input": 1}, "ada", at(1)),
    Event("_chat_request_event", {"model": "desk"}, "ada", at(2)),
    Event("_tool_request_event", {"tool_calls": [{"id": "c1", "function": {"name": "pay"}}]}, "ada", at(3)),
    Event("_input_event", {"input": 2}, "bob", at(3.5)),
    Event("_tool_response_event", {}, "ada", at(4)),
    Event("_chat_response_event", {}, "ada", at(5)),
    Event("_output_event", {"output": 1}, "ada", at(6)),
    Event("_input_event", {"input": 3}, "ada", at(7)),
    Event("_chat_request_event", {"model": "desk"}, "ada", at(8)),
)


@pytest.fixture
def folder(tmp_path: Path, results: list[ItemResult], policy: Policy) -> Path:
    """The run folder of a session of which one run has events, effects and a fault."""
    failed = results[1]
    evidence = Evidence(
        "embedded",
        "2.2.1",
        "bundled",
        events=EVENTS,
        model_calls=(ModelCall("ollama", "qwen", (), 0, {}, prompt_tokens=5, completion_tokens=7),) * 2,
        effects=(EffectCall(1, START_S + 4.0, "effects", "bank", "POST /pay", "POST", "/pay", key="ada", status=503),),
        steps=(StepRecord("after 1 output", "kill taskmanager", 1.0, True, began_s=START_S + 5, ended_s=START_S + 6),),
    )
    run_folder = tmp_path / "20270115T080000Z-abcdef"
    path = run_folder / failed.evidence
    path.mkdir(parents=True)
    write_evidence(path, evidence, (), NONE)
    tiers = (Tier.LOCAL, Tier.EMBEDDED)
    write_run(run_folder, StoredRun(tuple(results), Selection(), tiers, (), 1), NONE)
    times = {"started": "2027-01-15T08:00:00+00:00", "finished": "2027-01-15T08:01:00+00:00"}
    verdict = decide(results, policy, 1)
    write_verdict(
        run_folder / "verdict.json", verdict, policy, identity=Identity({}), git=GitState(), redactor=NONE, **times
    )
    events = EventWriter(run_folder / "events.jsonl", NONE)
    events.write("item_finished", node_id=failed.node_id)
    events.close()
    return run_folder


def spans_of(folder: Path) -> list[dict[str, Any]]:
    data = otlp_json(session_spans(read_session(folder)))
    return [span for resource in data["resourceSpans"] for scope in resource["scopeSpans"] for span in scope["spans"]]


def attributes_of(span: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: next(iter(each["value"].values())) for each in span["attributes"]}


def test_spans_are_a_tree_of_session_items_inputs_and_calls(folder: Path) -> None:
    spans = spans_of(folder)
    by_id = {span["spanId"]: span for span in spans}
    assert len(by_id) == len(spans)
    parents = {span["name"]: by_id[span["parentSpanId"]]["name"] for span in spans if span.get("parentSpanId")}
    assert [span["name"] for span in spans if not span.get("parentSpanId")] == ["flink agents gate"]
    assert parents["execute_tool pay"] == parents["chat qwen"] == "input ada"
    assert parents["input ada"] == parents["POST /pay"] == parents["kill taskmanager"] == "refund"
    assert parents["refund"] == "flink agents gate"


def test_times_are_those_of_the_evidence(folder: Path) -> None:
    times: dict[str, list[tuple[int, int]]] = {}
    for span in spans_of(folder):
        began, ended = int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"])
        assert began <= ended
        times.setdefault(span["name"], []).append((began - START_S * 10**9, ended - START_S * 10**9))
    second = 10**9
    assert times["flink agents gate"] == [(0, 60 * second)]
    assert times["input ada"] == [(second, 6 * second), (7 * second, 8 * second)]
    assert times["execute_tool pay"] == [(3 * second, 4 * second)]
    # A chat without an answer ends with its input.
    assert times["chat qwen"] == [(2 * second, 5 * second), (8 * second, 8 * second)]
    assert times["kill taskmanager"] == [(5 * second, 6 * second)]


def test_calls_have_the_attributes_of_the_conventions(folder: Path) -> None:
    spans = {span["name"]: span for span in reversed(spans_of(folder))}
    assert attributes_of(spans["chat qwen"]) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "qwen",
        "flink_agents.resource": "desk",
    }
    assert attributes_of(spans["execute_tool pay"]) == {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "pay",
        "gen_ai.tool.call.id": "c1",
    }
    item = attributes_of(next(span for span in spans_of(folder) if "embedded" in str(span)))
    assert item["test.case.result.status"] == "fail"
    assert (item["gen_ai.usage.input_tokens"], item["gen_ai.usage.output_tokens"]) == ("10", "14")
    assert attributes_of(spans["POST /pay"])["http.response.status_code"] == "503"
    assert spans["POST /pay"]["status"]["code"] == 2


def test_what_failed_is_an_error_and_what_did_not_run_has_no_span(folder: Path) -> None:
    spans = [span for span in spans_of(folder) if span.get("parentSpanId")]
    named = [(span["name"], span.get("status", {}).get("code")) for span in spans if "test.case.name" in str(span)]
    assert named == [("refund", None), ("refund", 2), ("slow", 2), ("slow", 2), ("known", None), ("test_x", None)]


def test_a_file_has_lines_of_json_with_hexadecimal_ids(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "out" / "traces.jsonl"
    assert export_session(folder, str(path), timeout_s=1) == ""
    first = path.read_text(encoding="utf-8")
    assert export_session(folder, str(path), timeout_s=1) == ""
    assert path.read_text(encoding="utf-8") == first
    (line,) = first.splitlines()
    (span, *_) = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"]
    assert len(bytes.fromhex(span["traceId"])) == 16
    assert len(bytes.fromhex(span["spanId"])) == 8
    assert span["startTimeUnixNano"] == str(START_S * 10**9)
    assert span["kind"] == 1


def test_a_path_that_cannot_be_written_is_a_line(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    line = export_session(folder, str(tmp_path / "file" / "traces.jsonl"), timeout_s=1)
    assert line.endswith("traces.jsonl: File exists")


def test_evidence_that_cannot_be_read_leaves_the_span_of_its_item(folder: Path, results: list[ItemResult]) -> None:
    (folder / results[1].evidence / "evidence.json").write_text("{", encoding="utf-8")
    names = [span["name"] for span in spans_of(folder)]
    assert names.count("refund") == 2
    assert "input ada" not in names


def test_a_run_of_many_events_is_cut(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_flink_agents.report.otel.spans._EVENTS", 2)
    names = [span["name"] for span in spans_of(folder)]
    assert names.count("input ada") == 1
    assert "input bob" not in names


def test_an_outcome_of_each_kind_is_a_span(folder: Path, results: list[ItemResult]) -> None:
    each = tuple(dataclasses.replace(results[0], node_id=outcome, outcome=outcome) for outcome in Outcome)
    write_run(folder, StoredRun(each, Selection(), (Tier.LOCAL,), (), 1), NONE)
    assert len(spans_of(folder)) == len(Outcome) - 2 + 1
