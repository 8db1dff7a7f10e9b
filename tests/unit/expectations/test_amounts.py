"""The words that bound a number."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.metric_values import matching
from pytest_flink_agents.evidence.model import Checkpoints, Event, Evidence
from pytest_flink_agents.evidence.model_calls import ModelCall
from pytest_flink_agents.gate import Figure
from pytest_flink_agents.run.expectations import stated_checks
from pytest_flink_agents.run.figures import figures
from pytest_flink_agents.vocabulary import ModelPrice

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN
LLM = "llm: {mode: scripted, script: [{reply: {text: hi}}]}\n"
ON_FLINK = "tiers: [embedded]\n"
PAY = {"tool_calls": [{"name": "pay_back", "arguments": {"order": "o-1"}}]}


def event(kind: str, at_s: float, key: Any = "c-1", **attributes: Any) -> Event:
    """Return an event of the first minute of a day."""
    return Event(kind, attributes, key, f"2026-11-29T10:00:{at_s:09.6f}Z")


def response(at_s: float, prompt: int, completion: int, key: str = "c-1") -> Event:
    """Return the event of a response of the model with its tokens."""
    extra = {"model_name": "m", "promptTokens": prompt, "completionTokens": completion}
    return event("_chat_response_event", at_s, key, response={"content": "hi", "extra_args": extra})


def call(prompt: int, completion: int, reply: Any = None) -> ModelCall:
    """Return a call that the first rule answered."""
    return ModelCall("openai", "m", (), 0, reply or {"text": "hi"}, "", prompt, completion)


RUN = Evidence(
    "embedded",
    "2.2.1",
    "bundled",
    events=(
        event("_input_event", 1),
        event("_tool_request_event", 1.5, tool_calls=[{"function": PAY["tool_calls"][0]}]),
        response(2, 30, 10),
        event("_output_event", 2.25),
        event("_input_event", 3, "c-2"),
        response(3.5, 20, 5, "c-2"),
        event("_output_event", 3.5, "c-2"),
    ),
    model_calls=(call(15, 5, PAY), call(30, 10), call(20, 5)),
    input_keys=("c-1", "c-2"),
    job_state="FINISHED",
    log_errors=(),
    metrics={
        "numOfEventProcessed": 6.0,
        "numOfActionsExecuted": 4.0,
        "action.chat_model_action.numOfActionsExecuted": 2.0,
        "action.chat_model_action.model.m:8b.promptTokens": 65.0,
        "action.chat_model_action.model.m:8b.completionTokens": 20.0,
        "inputRunLatencyMs_max": 1250.0,
        "gauge": -1.0,
    },
    metrics_final=True,
    timings_s={"run": 0.5},
    checkpoints=Checkpoints(3, 1, 0),
    restarts=0,
)
CUT_SHORT = dataclasses.replace(RUN, complete=False, job_state="RUNNING")
RESTARTED = dataclasses.replace(RUN, restarts=1)
NOT_READ_WHOLE = dataclasses.replace(RUN, events_unknown="too large")


@pytest.mark.parametrize(
    ("check", "expect", "evidence", "validity"),
    [
        ("llm", "llm: {calls: {max: 3, min: 3}}", RUN, VALID),
        ("llm", "llm: {calls: {max: 2}}", RUN, INVALID),
        ("llm", "llm: {calls: {min: 4}}", RUN, INVALID),
        ("llm", "llm: {calls: {min: 4}}", CUT_SHORT, UNKNOWN),
        ("llm", "llm: {calls: {max: 3}}", CUT_SHORT, UNKNOWN),
        ("llm", "llm: {calls: {max: 2}}", CUT_SHORT, INVALID),
        ("llm", "llm: {calls: {min: 3}}", CUT_SHORT, VALID),
        ("tokens", "tokens: {total: {max: 85, min: 85}}", RUN, VALID),
        ("tokens", "tokens: {total: {max: 84}}", RUN, INVALID),
        ("tokens", "tokens: {total: {max: 85}}", CUT_SHORT, UNKNOWN),
        ("tokens", "tokens: {per_input: {max: 60, min: 25}}", RUN, VALID),
        ("tokens", "tokens: {per_input: {max: 59}}", RUN, INVALID),
        ("tokens", "tokens: {per_input: {min: 26}}", RUN, INVALID),
        ("tokens", "tokens: {per_input: {max: 60}}", RESTARTED, UNKNOWN),
        ("tokens", "tokens: {per_input: {max: 60}}", dataclasses.replace(RUN, events=()), UNKNOWN),
        ("tokens", "tokens: {per_input: {max: 60}}", NOT_READ_WHOLE, UNKNOWN),
    ],
)
def test_the_use_of_a_scripted_model(
    check: str, expect: str, evidence: Evidence, validity: Validity, stated: Stated
) -> None:
    outputs = "\noutputs: []" if expect.startswith("llm") else ""
    assert stated.validity(check, expect + outputs, evidence, LLM) is validity


def test_tokens_that_no_event_accounts_for_are_unknown_of_each_input(stated: Stated) -> None:
    hidden = dataclasses.replace(RUN, model_calls=(*RUN.model_calls, call(1000, 0)))
    assert stated.validity("tokens", "tokens: {per_input: {max: 60}}", hidden, LLM) is UNKNOWN
    assert stated.validity("tokens", "tokens: {total: {max: 100}}", hidden, LLM) is INVALID


def test_equal_requests_for_tools_with_different_tokens_are_unknown_of_each_input(stated: Stated) -> None:
    again = (*RUN.events[:5], *RUN.events[1:2], *RUN.events[5:])
    twice = dataclasses.replace(RUN, events=again, model_calls=(*RUN.model_calls, call(500, 0, PAY)))
    assert stated.validity("tokens", "tokens: {per_input: {max: 60}}", twice, LLM) is UNKNOWN


@pytest.mark.parametrize("missing", ["model_name", "promptTokens", "completionTokens"])
def test_tokens_and_cost_of_a_live_model_that_reports_none_are_not_final(missing: str, stated: Stated) -> None:
    silent = response(2, 30, 10)
    del silent.attributes["response"]["extra_args"][missing]
    live = dataclasses.replace(RUN, model_calls=(), events=(*RUN.events[:2], silent, *RUN.events[3:]))
    for expect in ("tokens: {total: {max: 85}}", "cost: {total: {max: 1}}"):
        (check,) = stated_checks(stated.load(expect), live, PRICES).values()
        assert check().validity is UNKNOWN
        assert "1 of 2 responses of the model do not say how many tokens they used" in check().findings[0].message
    assert stated.validity("tokens", "tokens: {total: {max: 84}}", live) is INVALID


@pytest.mark.parametrize(
    "log",
    [
        {"events_unknown": "too large"},
        {"config": {"event-log.type._chat_response_event.level": {"value": "OFF"}}},
    ],
    ids=["not read whole", "not logged"],
)
def test_tokens_of_a_live_model_without_all_its_responses_are_unknown(log: dict[str, Any], stated: Stated) -> None:
    live = dataclasses.replace(RUN, model_calls=(), **log)
    assert stated.validity("tokens", "tokens: {total: {max: 85}}", live) is UNKNOWN


def test_tokens_without_a_scripted_model_are_those_of_the_metrics(stated: Stated) -> None:
    live = dataclasses.replace(RUN, model_calls=())
    assert stated.validity("tokens", "tokens: {total: {max: 85, min: 85}}", live) is VALID
    assert stated.validity("tokens", "tokens: {total: {max: 84}}", live) is INVALID
    for metrics in (None, {"numOfEventProcessed": 1.0}):
        unknown = dataclasses.replace(live, metrics=metrics)
        assert stated.validity("tokens", "tokens: {total: {max: 85}}", unknown) is UNKNOWN
    assert (
        stated.validity("tokens", "tokens: {total: {max: 85}}", dataclasses.replace(live, metrics_final=False))
        is UNKNOWN
    )


@pytest.mark.parametrize(
    ("expect", "evidence", "validity"),
    [
        ("max_ms: {max: 1250}", RUN, VALID),
        ("max_ms: {max: 1249}", RUN, INVALID),
        ("p50_ms: {max: 500}, p95_ms: {max: 1250}, p99_ms: {min: 1250}", RUN, VALID),
        ("p50_ms: {max: 499}", RUN, INVALID),
        ("max_ms: {max: 5000}", CUT_SHORT, UNKNOWN),
        ("max_ms: {max: 5000}", RESTARTED, UNKNOWN),
        ("max_ms: {max: 5000}", NOT_READ_WHOLE, UNKNOWN),
        ("max_ms: {max: 5000}", dataclasses.replace(RUN, events=RUN.events[:4]), UNKNOWN),
        ("max_ms: {max: 5000}", dataclasses.replace(RUN, events=()), UNKNOWN),
        ("max_ms: {max: 5000}", dataclasses.replace(RUN, events=(RUN.events[0], RUN.events[4])), UNKNOWN),
        ("max_ms: {max: 5000}", dataclasses.replace(RUN, events=(*RUN.events[:3], *RUN.events[4:])), UNKNOWN),
        ("p50_ms: {max: 100}", dataclasses.replace(RUN, events=(*RUN.events[:3], *RUN.events[4:])), UNKNOWN),
        (
            "max_ms: {max: 5000}",
            dataclasses.replace(
                RUN, events=(*RUN.events[:3], Event("_output_event", {}, "c-1", "soon"), *RUN.events[4:])
            ),
            UNKNOWN,
        ),
    ],
)
def test_latency(expect: str, evidence: Evidence, validity: Validity, stated: Stated) -> None:
    assert stated.validity("latency", f"latency: {{{expect}}}", evidence) is validity


@pytest.mark.parametrize(
    ("expect", "evidence", "validity"),
    [
        ("numOfEventProcessed: {min: 6, max: 6}", RUN, VALID),
        ("numOfEventProcessed: {equals: 6}", RUN, VALID),
        ("numOfEventProcessed: {equals: 7}", RUN, INVALID),
        ("numOfEventProcessed: {max: 5}", RUN, INVALID),
        ("numOfActionsExecuted: {equals: 4}", RUN, VALID),
        ("'action.*.model.*.promptTokens': {max: 65}", RUN, VALID),
        ("'model.*.promptTokens': {max: 64}", RUN, INVALID),
        ("promptTokens: {max: 64}", RUN, INVALID),
        ("inputRunLatencyMs.max: {max: 1000}", RUN, INVALID),
        ("gauge: {min: 0}", RUN, INVALID),
        ("gauge: {min: 0, max: 0}", RUN, INVALID),
        ("gauge: {min: 0, max: 0.5}", RUN, INVALID),
        ("numOfEvent: {min: 1}", RUN, UNKNOWN),
        ("numOfEventProcessed: {min: 6}", dataclasses.replace(RUN, metrics=None), UNKNOWN),
        ("numOfEventProcessed: {equals: 6}", dataclasses.replace(RUN, metrics_final=False), UNKNOWN),
        ("numOfEventProcessed: {max: 6}", dataclasses.replace(RUN, metrics_final=False), UNKNOWN),
        ("numOfEventProcessed: {equals: 6}", CUT_SHORT, UNKNOWN),
        ("gauge: {min: 0}", CUT_SHORT, UNKNOWN),
        ("gauge: {max: -2}", CUT_SHORT, UNKNOWN),
        ("gauge: {min: -2}", CUT_SHORT, UNKNOWN),
        ("gauge: {min: -2}", dataclasses.replace(RUN, metrics_final=False), UNKNOWN),
        ("gauge: {equals: 1}", dataclasses.replace(RUN, metrics={"gauge": math.nan}), UNKNOWN),
        (
            "orders_count: {equals: 1}",
            dataclasses.replace(RUN, metrics={"orders_count": 5, "orders.count": 1}),
            INVALID,
        ),
        ("orders.count: {equals: 1}", dataclasses.replace(RUN, metrics={"orders_count": 5, "orders.count": 1}), VALID),
        ("orders.max: {max: 1}", dataclasses.replace(RUN, metrics={"a.orders_max": 5, "a.orders.max": 1}), INVALID),
        ("orders.max: {max: 1}", dataclasses.replace(RUN, metrics={"a.orders.max": 1, "a.orders_max": 5}), INVALID),
    ],
)
def test_metrics(expect: str, evidence: Evidence, validity: Validity, stated: Stated) -> None:
    assert stated.validity("metrics", f"metrics: {{{expect}}}", evidence) is validity


def test_metrics_of_later_releases_are_found_by_their_old_names() -> None:
    later = {"traceLogTruncatedRecords": 2.0, "action.a.model_resource.m.retryCount": 1.0}
    assert matching("eventLogTruncatedEvents", later) == {"traceLogTruncatedRecords": 2.0}
    assert matching("retryCount", later) == {"action.a.model_resource.m.retryCount": 1.0}
    assert matching("model.[m].retryCount", {"action.a.model.m.retryCount": 1.0}) == {}


@pytest.mark.parametrize(
    ("check", "expect", "evidence", "validity"),
    [
        ("checkpoints", "checkpoints: {completed: {min: 3}, failed: {max: 1}}", RUN, VALID),
        ("checkpoints", "checkpoints: {completed: {min: 4}}", RUN, INVALID),
        ("checkpoints", "checkpoints: {failed: {max: 0}}", RUN, INVALID),
        ("checkpoints", "checkpoints: {failed: {max: 1}}", dataclasses.replace(RUN, checkpoints=None), UNKNOWN),
        ("restarts", "restarts: {max: 0}", RUN, VALID),
        ("restarts", "restarts: {max: 0}", RESTARTED, INVALID),
        ("restarts", "restarts: {min: 1}", RUN, INVALID),
        ("restarts", "restarts: {max: 0}", dataclasses.replace(RUN, checkpoints=None), UNKNOWN),
        ("throughput", "throughput: {records_per_s: {min: 4}}", RUN, VALID),
        ("throughput", "throughput: {records_per_s: {min: 4.1}}", RUN, INVALID),
        ("throughput", "throughput: {records_per_s: {min: 4}}", CUT_SHORT, UNKNOWN),
        ("throughput", "throughput: {records_per_s: {min: 4}}", dataclasses.replace(RUN, timings_s={}), UNKNOWN),
    ],
)
def test_what_flink_counts(check: str, expect: str, evidence: Evidence, validity: Validity, stated: Stated) -> None:
    assert stated.validity(check, expect, evidence, ON_FLINK) is validity


@pytest.mark.parametrize(
    ("check", "expect", "validity"),
    [
        ("checkpoints", "checkpoints: {completed: {min: 3}}", VALID),
        ("checkpoints", "checkpoints: {completed: {min: 4}}", UNKNOWN),
        ("checkpoints", "checkpoints: {failed: {max: 1}}", UNKNOWN),
        ("checkpoints", "checkpoints: {failed: {max: 0}}", INVALID),
        ("restarts", "restarts: {max: 1}", UNKNOWN),
        ("restarts", "restarts: {max: 0}", INVALID),
    ],
)
def test_a_killed_jobmanager_forgets_counts(check: str, expect: str, validity: Validity, stated: Stated) -> None:
    killed = ON_FLINK + "faults: [{after: {seconds: 1}, kill: jobmanager}]\n"
    assert stated.validity(check, expect, RESTARTED, killed) is validity
    restarts = killed.replace("jobmanager", "taskmanager")
    assert stated.validity("restarts", "restarts: {max: 1}", RESTARTED, restarts) is VALID


@pytest.mark.parametrize(
    ("expect", "more", "code"),
    [
        ("tokens: {}", LLM, "FA204"),
        ("tokens: {total: {}}", LLM, "FA204"),
        ("tokens: {total: {min: 0}}", LLM, "FA209"),
        ("tokens: {total: {min: 5, max: 4}}", LLM, "FA209"),
        ("tokens: {total: {max: -1}}", LLM, "FA203"),
        ("tokens: {per_inputs: {max: 1}}", LLM, "FA202"),
        ("latency: {p90_ms: {max: 1}}", "", "FA202"),
        ("metrics: {}", "", "FA203"),
        ("metrics: {numOfEventProcessed: {}}", "", "FA204"),
        ("metrics: {numOfEventProcessed: {mn: 1}}", "", "FA202"),
        ("metrics: {numOfEventProcessed: {equals: 1, max: 1}}", "", "FA203"),
        ("checkpoints: {completed: {min: 1}}", "", "FA204"),
        ("restarts: {max: 0}", "tiers: [local, embedded]\n", "FA204"),
        ("throughput: {records_per_s: {min: 0}}", "", "FA209"),
        ("outputs: []\nllm: {}", LLM, "FA204"),
    ],
)
def test_bounds_that_cannot_be_meant_are_refused(expect: str, more: str, code: str, stated: Stated) -> None:
    assert [found for found, _ in stated.problems(expect, more)] == [code]


def test_a_policy_limits_what_a_run_measured(stated: Stated, monkeypatch: pytest.MonkeyPatch) -> None:
    scripted = stated.load("outputs: []", LLM).scenario
    found = figures(scripted, RUN, {"m": ModelPrice(1.0, 10.0), "m:8b": ModelPrice(1.0, 10.0)})
    assert (found["latency_p95"], found["tokens"].value, found["tokens"].final) == (Figure(1250.0), 85, True)
    assert found["cost"].value == pytest.approx(COST)
    assert not figures(scripted, CUT_SHORT, {})["tokens"].final
    unknown = figures(scripted, dataclasses.replace(RUN, events=()), {})
    assert (unknown["latency_p95"].value, unknown["cost"].value) == (None, None)
    assert "has no price" in unknown["cost"].reason
    # A figure that crashes is not known, and no other one suffers.
    monkeypatch.setattr("pytest_flink_agents.run.figures.latency_amount", lambda *_: 1 / 0)
    crashed = figures(scripted, RUN, {})
    assert crashed["latency_p95"].reason.startswith("FA502: it could not be measured: ZeroDivisionError")
    assert crashed["tokens"].value == 85


def test_the_messages_are_the_reviewed_ones(stated: Stated) -> None:
    wrong = {
        "llm": ("outputs: []\nllm: {calls: {max: 2}}", LLM),
        "tokens": ("tokens: {total: {max: 80}, per_input: {max: 50}}", LLM),
        "latency": ("latency: {p95_ms: {max: 1000}}", ""),
        "metrics": ("metrics: {numOfEventProcessed: {min: 7}, promptTokens: {max: 60}}", ""),
        "checkpoints": ("checkpoints: {completed: {min: 4}, failed: {max: 0}}", ON_FLINK),
        "restarts": ("restarts: {min: 1}", ON_FLINK),
        "throughput": ("throughput: {records_per_s: {min: 500}}", ""),
    }
    for name, (expect, more) in wrong.items():
        stated.fails(name, expect, RUN, more)


PRICES = {"m": ModelPrice(1.0, 10.0), "m:8b": ModelPrice(1.0, 10.0)}
# 65 tokens of prompts and 20 of completions.
COST = 0.000265


@pytest.mark.parametrize(
    ("bound", "evidence", "prices", "more", "validity"),
    [
        (f"max: {COST}", RUN, PRICES, LLM, VALID),
        ("max: 0.000264", RUN, PRICES, LLM, INVALID),
        ("min: 0.000266", RUN, PRICES, LLM, INVALID),
        ("max: 1", RUN, {}, LLM, UNKNOWN),
        ("max: 1", CUT_SHORT, PRICES, LLM, UNKNOWN),
        ("max: 0.0001", CUT_SHORT, PRICES, LLM, INVALID),
        (f"max: {COST}", RUN, PRICES, "", VALID),
        ("max: 0.000264", RUN, PRICES, "", INVALID),
        ("max: 1", dataclasses.replace(RUN, metrics_final=False), PRICES, "", UNKNOWN),
        ("max: 1", dataclasses.replace(RUN, metrics=None), PRICES, "", UNKNOWN),
    ],
)
def test_cost(
    bound: str, evidence: Evidence, prices: dict[str, ModelPrice], more: str, validity: Validity, stated: Stated
) -> None:
    loaded = stated.load(f"cost: {{total: {{{bound}}}}}", more)
    assert stated_checks(loaded, evidence, prices)["cost"]().validity is validity


def test_the_message_of_cost_is_the_reviewed_one(stated: Stated) -> None:
    stated.fails("cost", "cost: {total: {max: 0.0001}}", RUN, LLM, PRICES)
