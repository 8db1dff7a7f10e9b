"""The spans of a session: items, inputs, actions, calls of models and tools, effects and faults.

Names follow OpenTelemetry's semantic conventions for tests (``test.*``), HTTP and generative AI (``gen_ai.*``, status
Development). Contents of messages, arguments and results are left out, as the conventions have it by default.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, SpanKind

from pytest_flink_agents.evidence.times import nanoseconds
from pytest_flink_agents.gate import ItemResult, Outcome, VerdictKind
from pytest_flink_agents.report.otel.stored import StoredSession
from pytest_flink_agents.report.otel.trace import Trace
from pytest_flink_agents.vocabulary import CHAT_RESPONSE_EVENT, INPUT_EVENT, TOOL_REQUEST_EVENT

# A load scenario has millions of events; a trace of a run that nobody can read helps nobody.
_EVENTS = 5_000
_CHAT, _TOOL_RESPONSE = "_chat_request_event", "_tool_response_event"
_STARTED = "_execution_started_event"
_ENDS = {
    CHAT_RESPONSE_EVENT: _CHAT,
    _TOOL_RESPONSE: TOOL_REQUEST_EVENT,
    "_execution_finished_event": _STARTED,
    "_execution_failed_event": _STARTED,
}
_BEGINNINGS = frozenset(_ENDS.values())
_RUN_STATUS = {VerdictKind.PROMOTE: "success", VerdictKind.BLOCK: "failure"}
_NOT_RUN = (Outcome.SKIPPED, Outcome.NOT_APPLICABLE)


def session_spans(session: StoredSession) -> list[ReadableSpan]:
    """Return the spans of a session, each behind its parent."""
    trace = Trace(session.folder.resolve().name)
    verdict = session.verdict
    began, ended = nanoseconds(verdict["started"]) or 0, nanoseconds(verdict["finished"]) or 0
    status = _RUN_STATUS.get(VerdictKind(verdict["verdict"]), "aborted")
    root = trace.add(
        "flink agents gate",
        None,
        began,
        ended,
        {
            "test.suite.name": "flink agents gate",
            "test.suite.run.status": status,
            "flink_agents.verdict": verdict["verdict"],
            "flink_agents.profile": verdict["profile"],
        },
        error=None if verdict["verdict"] == VerdictKind.PROMOTE else verdict["verdict"],
    )
    for result in session.results:
        _item(trace, root, result, session, (began, ended))
    return trace.spans


def _item(trace: Trace, root: SpanContext, result: ItemResult, session: StoredSession, whole: tuple[int, int]) -> None:
    """Add the span of one item that ran, and those of its run."""
    if result.outcome in _NOT_RUN:
        return
    known = nanoseconds(session.ended.get(result.node_id))
    ended = whole[1] if known is None else known
    began = max(whole[0], ended - round(result.duration_s * 1_000_000_000))
    evidence = session.evidence_of(result)
    passed = result.outcome is Outcome.PASSED or result.tolerated
    calls = evidence.get("model_calls") or ()
    span = trace.add(
        result.name,
        root,
        began,
        ended,
        {
            "test.case.name": result.node_id,
            "test.case.result.status": "pass" if passed else "fail",
            "code.file.path": result.file,
            "code.line.number": result.line,
            "flink_agents.outcome": result.outcome.value,
            "flink_agents.tier": result.tier.value if result.tier else None,
            "flink_agents.engine": str(result.engine),
            "flink_agents.flink_version": result.flink_version,
            "flink_agents.evidence": result.evidence,
            "flink_agents.job_id": evidence.get("job_id"),
            "gen_ai.usage.input_tokens": _total(calls, "prompt_tokens"),
            "gen_ai.usage.output_tokens": _total(calls, "completion_tokens"),
        },
        error=None if passed or result.outcome is Outcome.WAIVED else result.message,
    )
    if evidence:
        _run(trace, span, evidence)


def _total(calls: Sequence[Mapping[str, Any]], field: str) -> int | None:
    """Return the sum of a run's tokens, None if a call has none."""
    amounts = [amount for call in calls if isinstance(amount := call.get(field), int)]
    return sum(amounts) if amounts and len(amounts) == len(calls) else None


def _run(trace: Trace, span: SpanContext, evidence: Mapping[str, Any]) -> None:
    """Add the spans of one run; what has no time is left out."""
    for step in evidence.get("steps") or ():
        times = nanoseconds(step.get("began_s")), nanoseconds(step.get("ended_s"))
        if times[0] is not None and times[1] is not None:
            facts = {"flink_agents.trigger": step["trigger"], "flink_agents.felt": step["felt"]}
            trace.add(step["act"], span, times[0], times[1], facts)
    calls = evidence.get("model_calls") or ()
    # An event names the agent's resource, and neither provider nor model: they are known if there is one of each.
    model = _Model(_only(call["wire"] for call in calls) or "_OTHER", _only(call["model"] for call in calls))
    for key, events in _by_key(evidence.get("events") or ()).items():
        for group in _inputs(events):
            _input(trace, span, key, group, model)
    _effects(trace, span, evidence.get("effects") or ())
    _records(trace, span, evidence.get("action_states") or ())


def _only(words: Iterable[str]) -> str:
    """Return the word if all are the same, else an empty string."""
    found = set(words)
    return found.pop() if len(found) == 1 else ""


class _Model(NamedTuple):
    """Provider and name of the model of a run; the name is empty if there are several."""

    provider: str
    name: str


_Timed = tuple[int, Mapping[str, Any]]


def _by_key(events: Sequence[Mapping[str, Any]]) -> dict[str, list[_Timed]]:
    """Return the events with a time by their keys, in the order of the log."""
    found: dict[str, list[_Timed]] = {}
    for event in events[:_EVENTS]:
        at = nanoseconds(event.get("timestamp"))
        if at is not None:
            found.setdefault(_text(event.get("key")), []).append((at, event))
    return found


def _inputs(events: Sequence[_Timed]) -> Iterator[list[_Timed]]:
    """Return the events of each input: a key handles one input after the other."""
    group: list[_Timed] = []
    for at, event in events:
        if event["type"] == INPUT_EVENT and group:
            yield group
            group = []
        group.append((at, event))
    if group:
        yield group


def _input(trace: Trace, run: SpanContext, key: str, group: Sequence[_Timed], model: _Model) -> None:
    """Add the span of an input, and those of what its events begin and end."""
    times = [at for at, _ in group]
    facts = {"flink_agents.key": key, "flink_agents.input": group[0][1].get("input")}
    parent = trace.add(f"input {key}", run, min(times), max(times), facts)
    open_: list[tuple[int, Mapping[str, Any]]] = []
    for at, event in group:
        if event["type"] in _BEGINNINGS:
            open_.append((at, event))
            continue
        beginning = _ENDS.get(event["type"])
        # The latest one: a call of a tool lies within the chat that asked for it.
        place = next((n for n in reversed(range(len(open_))) if open_[n][1]["type"] == beginning), None)
        if place is not None:
            began, request = open_.pop(place)
            _call(trace, parent, request, (began, at), model, failed=event["type"] == "_execution_failed_event")
    for began, request in open_:
        _call(trace, parent, request, (began, max(times)), model, failed=True)


def _call(
    trace: Trace,
    parent: SpanContext,
    request: Mapping[str, Any],
    times: tuple[int, int],
    model: _Model,
    *,
    failed: bool,
) -> None:
    """Add the span of a chat, of each call of a tool, or of an action; ``failed`` is also one without an end."""
    attributes = request.get("attributes") or {}
    error = "it did not end with success" if failed else None
    if request["type"] == _CHAT:
        resource = _text(attributes.get("model", ""))
        facts = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": model.name,
            "flink_agents.resource": resource,
        }
        trace.add(f"chat {model.name or resource}".strip(), parent, *times, facts, kind=SpanKind.CLIENT, error=error)
    elif request["type"] == TOOL_REQUEST_EVENT:
        for name, call_id in _tool_calls(attributes):
            facts = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": call_id}
            trace.add(f"execute_tool {name}".strip(), parent, *times, facts, error=error)
    else:
        name = _text(attributes.get("entityName", attributes.get("action", "action")))
        trace.add(f"action {name}", parent, *times, {"flink_agents.action": name}, error=error)


def _tool_calls(attributes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return name and id of each call of a request; a log may have cut them."""
    calls = attributes.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, dict) else None
        name = function.get("name") if isinstance(function, dict) else None
        yield _text(name or ""), _text(call.get("id", "")) if isinstance(call, dict) else ""


def _effects(trace: Trace, run: SpanContext, effects: Sequence[Mapping[str, Any]]) -> None:
    """Add a span for each call that the ledger recorded; it knows the moment, and not how long the call took."""
    for call in effects:
        at = nanoseconds(call.get("at_s"))
        if at is None:
            continue
        refused = call["status"] is None or call["status"] >= 400
        facts = {
            "http.request.method": call["method"],
            "url.path": call["path"],
            "http.response.status_code": call["status"],
            "flink_agents.endpoint": call["endpoint"],
            "flink_agents.key": _text(call["key"]) if call["key"] is not None else None,
            "flink_agents.input": call["input"],
            "flink_agents.action": call["action"],
            "flink_agents.fault": call["fault"],
        }
        error = (call["fault"] or "no answer" if call["status"] is None else str(call["status"])) if refused else None
        name = call["route"] or f"{call['method']} {call['path']}"
        trace.add(name, run, at, at, facts, kind=SpanKind.CLIENT, error=error)


def _records(trace: Trace, run: SpanContext, records: Sequence[Mapping[str, Any]]) -> None:
    """Add a span for each record of a completed action in the action state store."""
    for record in records:
        at = nanoseconds(record.get("at_s"))
        if at is not None and record["completed"]:
            facts = {"flink_agents.action": record["action"], "flink_agents.key": _text(record["key"])}
            trace.add(f"action {record['action']}", run, at, at, facts)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
