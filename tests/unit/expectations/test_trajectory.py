"""The word ``trajectory``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.evidence.model import Event, Evidence, Failure
from pytest_flink_agents.scenario.error import ScenarioError

if TYPE_CHECKING:
    from tests.unit.expectations.conftest import Stated

VALID, INVALID, UNKNOWN = Validity.VALID, Validity.INVALID, Validity.UNKNOWN


def tools(*calls: tuple[str, Any], key: Any = "c-1") -> Event:
    """Return the event of one request for tools."""
    listed = [{"id": "1", "type": "function", "function": {"name": name, "arguments": args}} for name, args in calls]
    return Event("_tool_request_event", {"model": "m", "tool_calls": listed}, key)


def event(kind: str, key: Any = "c-1", **attributes: Any) -> Event:
    """Return an event."""
    return Event(kind, attributes, key)


def run(*events: Event, **fields: Any) -> Evidence:
    """Return the evidence of a run in which c-2 only sends an output."""
    others = (event("_input_event", "c-2"), event("_output_event", "c-2"))
    return Evidence(
        "local",
        "2.2.1",
        "bundled",
        events=(*events, *others),
        input_keys=("c-1", "c-2"),
        job_state="FINISHED",
        log_errors=(),
        **fields,
    )


REFUND = run(
    event("_input_event", input={"order": "o-1"}),
    event("_chat_request_event"),
    tools(("look_up", {"order": "o-1"})),
    tools(("pay_back", {"order": "o-1", "amount": 20})),
    event("_output_event", output={"status": "approved"}),
)


@pytest.mark.parametrize(
    ("match", "events", "validity"),
    [
        ("in_order", "[_input_event, {tool: pay_back}, _output_event]", VALID),
        ("in_order", "[_input_event, {tool: pay_back}, {tool: look_up}]", INVALID),
        ("in_order", "[{tool: pay_back, args: {amount: 20}}]", VALID),
        ("in_order", "[{tool: pay_back, args: {amount: {approx: {value: 21, abs: 2}}}}]", VALID),
        ("in_order", "[{tool: pay_back, args: {equals: {amount: 20}}}]", INVALID),
        ("in_order", "[{tool: look_up}, {tool: look_up}]", INVALID),
        ("in_order", "[_tool_request_event, {tool: look_up}, _tool_request_event, {tool: pay_back}]", VALID),
        ("in_order", "[{event: _output_event, attributes: {output: {status: approved}}}]", VALID),
        ("in_order", "[{event: _output_event, attributes: {output: {status: refused}}}]", INVALID),
        ("exact", "[{tool: look_up}, {tool: pay_back}]", VALID),
        ("exact", "[{tool: pay_back}, {tool: look_up}]", INVALID),
        ("exact", "[{tool: look_up}]", INVALID),
        ("exact", "[{tool: look_up}, {tool: pay_back}, {tool: pay_back}]", INVALID),
        ("exact", "[_input_event, _chat_request_event, {tool: look_up}, {tool: pay_back}, _output_event]", VALID),
        ("exact", "[_input_event, {tool: look_up}, {tool: pay_back}, _output_event]", INVALID),
        ("exact", "[{parallel: [{tool: look_up}, {tool: pay_back}]}]", INVALID),
        ("unordered", "[{tool: pay_back}, {tool: look_up}]", VALID),
        ("unordered", "[{tool: pay_back}]", INVALID),
        ("unordered", "[{tool: pay_back}, {tool: look_up}, {tool: look_up}]", INVALID),
        ("at_least", "[_output_event, {tool: look_up}]", VALID),
        ("at_least", "[{tool: look_up}, {tool: delete_order}]", INVALID),
        ("at_most", "[{tool: look_up}, {tool: pay_back}, {tool: delete_order}]", VALID),
        ("at_most", "[{tool: look_up}]", INVALID),
    ],
)
def test_each_way_to_compare(match: str, events: str, validity: Validity, stated: Stated) -> None:
    expect = f"trajectory: {{key: c-1, match: {match}, events: {events}}}"
    assert stated.validity("trajectory", expect, REFUND) is validity


@pytest.mark.parametrize(
    ("match", "events", "validity"),
    [
        ("exact", "[{parallel: [{tool: b}, {tool: a, args: {n: 1}}]}]", VALID),
        ("exact", "[{parallel: [{tool: a}, {tool: a}]}]", INVALID),
        ("exact", "[{tool: a}, {tool: b}]", INVALID),
        ("unordered", "[{parallel: [{tool: a}, {tool: b}]}]", VALID),
        ("in_order", "[{tool: b}, {tool: a}]", VALID),
        ("in_order", "[{tool: a}, {tool: a}]", INVALID),
        ("at_least", "[{tool: b}, {tool: a}]", VALID),
        ("at_least", "[{tool: b}, {tool: b}]", INVALID),
        ("in_order", "[_tool_request_event, {parallel: [{tool: a}, {tool: b}]}]", VALID),
        ("in_order", "[{parallel: [{tool: a}, {tool: b}]}, {tool: a}]", INVALID),
        ("in_order", "[{tool: b}, {parallel: [{tool: a}, {tool: b}]}]", INVALID),
        ("at_least", "[{parallel: [{tool: a}, {tool: b}]}, {tool: a}]", INVALID),
        ("at_least", "[{tool: a}, {parallel: [{tool: a}, {tool: b}]}, _tool_request_event]", INVALID),
    ],
)
def test_calls_of_one_request_have_no_order(match: str, events: str, validity: Validity, stated: Stated) -> None:
    evidence = run(tools(("a", {"n": 1}), ("b", {})))
    expect = f"trajectory: {{key: c-1, match: {match}, events: {events}}}"
    assert stated.validity("trajectory", expect, evidence) is validity


@pytest.mark.parametrize(
    ("events", "validity"),
    [
        ("[{parallel: [{tool: a}, {tool: b}]}, {tool: a, args: {n: 1}}]", VALID),
        ("[{parallel: [{tool: a}, {tool: b}]}, {tool: a, args: {n: 1}}, {tool: b}]", VALID),
        ("[{parallel: [{tool: a}, {tool: b}]}, {tool: a, args: {n: 1}}, {tool: a}]", INVALID),
        ("[{parallel: [{tool: a}, {tool: b}]}, {parallel: [{tool: b}, {tool: a}]}]", VALID),
        ("[{parallel: [{tool: a}, {tool: b}]}, {parallel: [{tool: b}, {tool: a}]}, {tool: b}]", INVALID),
    ],
)
def test_a_parallel_step_takes_the_request_that_no_other_step_needs(
    events: str, validity: Validity, stated: Stated
) -> None:
    evidence = run(tools(("a", {"n": 1}), ("b", {})), tools(("a", {"n": 2}), ("b", {})))
    expect = f"trajectory: {{key: c-1, match: at_least, events: {events}}}"
    assert stated.validity("trajectory", expect, evidence) is validity


@pytest.mark.parametrize(
    ("match", "events"),
    [
        ("in_order", "[_output_event, {tool: pay_back, args: {amount: 20}}]"),
        ("at_least", "[{tool: pay_back, args: {amount: 20}}, {tool: pay_back, args: {amount: 20}}]"),
    ],
)
def test_a_step_that_came_elsewhere_is_named(match: str, events: str, stated: Stated) -> None:
    expect = f"trajectory: {{key: c-1, match: {match}, events: {events}}}"
    (finding,) = stated.result("trajectory", expect, REFUND).findings
    assert finding.message.endswith(
        '; one came too early, or counts for another step: pay_back {"order": "o-1", "amount": 20}'
    )


def test_arguments_as_text_and_the_names_of_other_releases_are_read(stated: Stated) -> None:
    call = {"name": "pay_back", "arguments": '{"order": "o-1"}'}
    evidence = run(Event("_tool_request_event", {"toolCalls": [call]}, "c-1"))
    expect = "trajectory: {key: c-1, events: [{tool: pay_back, args: {order: o-1}}]}"
    assert stated.validity("trajectory", expect, evidence) is VALID


@pytest.mark.parametrize(
    ("never", "validity"),
    [
        ("[{tool: delete_order}]", VALID),
        ("[{tool: pay_back}]", INVALID),
        ("[{tool: pay_back, args: {amount: 21}}]", VALID),
        ("[_chat_request_event]", INVALID),
    ],
)
def test_what_must_never_occur(never: str, validity: Validity, stated: Stated) -> None:
    assert stated.validity("trajectory", f"trajectory: {{never: {never}}}", REFUND) is validity


def test_without_a_key_every_key_of_the_inputs_counts(stated: Stated) -> None:
    expect = "trajectory: {events: [_input_event, _output_event]}"
    assert stated.validity("trajectory", expect, REFUND) is VALID
    lost = dataclasses.replace(REFUND, events=REFUND.events[:-1])
    (finding,) = stated.result("trajectory", expect, lost).findings
    assert (finding.key, finding.missing) == ("c-2", True)


@pytest.mark.parametrize(
    "stated_of", ["never: [_chat_request_event]", "match: at_most, events: [_input_event, _output_event]"]
)
def test_a_key_without_any_event_is_unknown_unless_the_job_failed(stated_of: str, stated: Stated) -> None:
    silent = dataclasses.replace(REFUND, events=REFUND.events[-2:])
    misspelled = f"trajectory: {{key: c-9, {stated_of}}}"
    for expect, key in ((f"trajectory: {{{stated_of}}}", "c-1"), (misspelled, "c-9")):
        result = stated.result("trajectory", expect, silent)
        assert (result.validity, result.findings[0].key) == (UNKNOWN, key)
    failed = dataclasses.replace(silent, failure=Failure("boom"), job_state="FAILED")
    assert stated.validity("trajectory", misspelled, failed) is VALID


def test_a_run_whose_input_keys_are_unknown_needs_the_key_of_a_trajectory(stated: Stated) -> None:
    evidence = dataclasses.replace(REFUND, input_keys=())
    assert stated.validity("trajectory", "trajectory: {never: [_chat_request_event]}", evidence) is UNKNOWN
    assert stated.validity("trajectory", "trajectory: {key: c-1, never: [_chat_request_event]}", evidence) is INVALID


def test_several_trajectories_of_several_keys(stated: Stated) -> None:
    expect = """
    trajectory:
      - {key: c-1, match: exact, events: [{tool: look_up}, {tool: pay_back}]}
      - {key: c-2, never: [_tool_request_event]}
    """
    stated.passes(expect, REFUND)
    (finding,) = stated.result("trajectory", expect, run(tools(("look_up", {}), key="c-2"), *REFUND.events)).findings
    assert finding.path == ("expect", "trajectory", 1, "never", 0)


@pytest.mark.parametrize(
    "evidence",
    [
        dataclasses.replace(REFUND, events=()),
        dataclasses.replace(REFUND, events_unknown="too large"),
        dataclasses.replace(REFUND, started=False),
        dataclasses.replace(REFUND, complete=False),
        dataclasses.replace(REFUND, config={"event-log.type._output_event.level": {"value": "off"}}),
        dataclasses.replace(REFUND, events=(*REFUND.events, Event("_output_event", {}))),
    ],
    ids=["no log", "not read whole", "not started", "cut short", "events not logged", "keys not logged"],
)
def test_a_log_that_may_lack_events_is_unknown(evidence: Evidence, stated: Stated) -> None:
    expect = "trajectory: {events: [_output_event], never: [{tool: delete_order}]}"
    assert stated.validity("trajectory", expect, evidence) is UNKNOWN


def test_a_job_of_the_users_own_without_a_log_says_why(stated: Stated) -> None:
    silent = dataclasses.replace(REFUND, events=(), engine="the job's own")
    (finding,) = stated.result("trajectory", "trajectory: {key: c-1, never: [x]}", silent).findings
    assert (
        finding.message
        == "no event was logged: the job has no agent, or its log is on another machine or of another engine"
    )


def test_a_stopped_job_whose_inputs_have_not_all_begun_proves_nothing(stated: Stated) -> None:
    """It is stopped when its outputs have come; an input without an output may still wait."""
    stopped = dataclasses.replace(REFUND, stopped=True, job_state="CANCELED")
    never = "trajectory: {key: c-1, never: [{tool: delete_order}]}"
    assert stated.validity("trajectory", never, stopped) is VALID
    more = dataclasses.replace(stopped, input_keys=(*stopped.input_keys, "c-1"))
    assert stated.validity("trajectory", never, more) is UNKNOWN
    assert stated.validity("trajectory", "trajectory: {key: c-1, events: [{tool: z}]}", more) is UNKNOWN
    assert stated.validity("trajectory", "trajectory: {key: c-1, events: [{tool: z}]}", stopped) is INVALID
    assert stated.validity("trajectory", "trajectory: {key: c-1, never: [{tool: pay_back}]}", more) is INVALID


def test_missing_steps_of_a_run_that_was_cut_short_are_unknown_and_forbidden_ones_invalid(stated: Stated) -> None:
    evidence = dataclasses.replace(REFUND, complete=False)
    assert stated.validity("trajectory", "trajectory: {events: [{tool: z}]}", evidence) is UNKNOWN
    assert stated.validity("trajectory", "trajectory: {never: [{tool: pay_back}]}", evidence) is INVALID


def test_repeated_events_of_a_job_that_restarted_prove_nothing(stated: Stated) -> None:
    again = run(*REFUND.events[:4], *REFUND.events[:5], restarts=1)
    exact = "trajectory: {key: c-1, match: exact, events: [{tool: look_up}, {tool: pay_back}]}"
    assert stated.validity("trajectory", exact, again) is UNKNOWN
    assert stated.validity("trajectory", exact, dataclasses.replace(again, restarts=0)) is INVALID
    in_order = "trajectory: {key: c-1, events: [{tool: look_up}, {tool: pay_back}]}"
    assert stated.validity("trajectory", in_order, again) is VALID


def test_a_difference_in_a_value_that_the_log_cut_is_unknown(stated: Stated) -> None:
    evidence = run(tools(("note", {"text": {"truncatedString": "aa...", "omittedChars": 9}})))
    expect = "trajectory: {key: c-1, events: [{tool: note, args: {text: aaaa}}]}"
    assert stated.validity("trajectory", expect, evidence) is UNKNOWN


@pytest.mark.parametrize("match", ["exact", "in_order", "unordered", "at_least", "at_most"])
def test_tool_calls_in_a_form_that_cannot_be_read_are_unknown(match: str, stated: Stated) -> None:
    evidence = run(event("_tool_request_event", model="m", tool_calls="[ToolCall(name='note')]"))
    expect = f"trajectory: {{key: c-1, match: {match}, events: [{{tool: note}}]}}"
    assert stated.validity("trajectory", expect, evidence) is UNKNOWN


CUT_TEXT = {"truncatedString": "aa...", "omittedChars": 9}


@pytest.mark.parametrize(
    ("never", "logged", "validity"),
    [
        ("{tool: note, args: {text: aaaa}}", tools(("note", {"text": CUT_TEXT})), UNKNOWN),
        ("{tool: note, args: {text: aaaa}}", tools(("note", CUT_TEXT)), UNKNOWN),
        ("{tool: note, args: {text: aaaa}}", tools(("look_up", {"text": CUT_TEXT})), VALID),
        ("{tool: note}", tools(("look_up", {"text": CUT_TEXT})), VALID),
        ("{tool: note}", event("_tool_request_event", tool_calls={"truncatedList": [], "omittedElements": 3}), UNKNOWN),
        ("{tool: note}", event("_tool_request_event", truncatedObject={}, omittedFields=2), UNKNOWN),
        (
            "{tool: note}",
            event("_tool_request_event", tool_calls=[{"truncatedObject": {"id": "1"}, "omittedFields": 1}]),
            UNKNOWN,
        ),
        ("{tool: note}", event("_tool_request_event", tool_calls=[{"name": CUT_TEXT, "arguments": {}}]), UNKNOWN),
        (
            "{parallel: [{tool: note, args: {text: aaaa}}, {tool: look_up}]}",
            tools(("note", {"text": CUT_TEXT}), ("look_up", {})),
            UNKNOWN,
        ),
        ("{event: booked, attributes: {text: aaaa}}", event("booked", text=CUT_TEXT), UNKNOWN),
        ("{event: booked, attributes: {text: aaaa}}", event("other", text=CUT_TEXT), VALID),
        ("booked", event("other", text=CUT_TEXT), VALID),
    ],
)
def test_a_forbidden_step_that_the_log_may_have_cut_is_unknown(
    never: str, logged: Event, validity: Validity, stated: Stated
) -> None:
    expect = f"trajectory: {{key: c-1, never: [{never}]}}"
    assert stated.validity("trajectory", expect, run(logged)) is validity


def test_events_without_a_key_are_those_of_the_only_key(stated: Stated) -> None:
    evidence = Evidence("local", "2.2.1", "bundled", events=(event("_output_event", None),), input_keys=("c-1",))
    assert stated.validity("trajectory", "trajectory: {events: [_output_event]}", evidence) is VALID


@pytest.mark.parametrize(
    ("expect", "code"),
    [
        ("trajectory: {match: exact}", "FA204"),
        ("trajectory: {match: sometimes, events: [a]}", "FA203"),
        ("trajectory: {events: [_input_event]}", "FA209"),
        ("trajectory: {match: at_least, events: [_input_event, {event: _input_event}]}", "FA209"),
        ("trajectory: {events: []}", "FA203"),
        ("trajectory: {events: [{tool: pay, args: {any_value: true}}]}", "FA209"),
        ("trajectory: {events: [{tool: pay, args: {}}]}", "FA209"),
        ("trajectory: {events: [{tool: pay, arguments: {n: 1}}]}", "FA202"),
        ("trajectory: {events: [{parallel: [{tool: pay}]}]}", "FA203"),
        ("trajectory: {events: [{parallel: [{tool: pay}, {tol: pay}]}]}", "FA202"),
        ("trajectory: [{events: [{event: x, attributes: {regex: '.*'}}]}]", "FA209"),
        ("trajectory: {never: [{event: x, attributes: {schema: {type: object}}}]}", "FA209"),
        ("trajectory: true", "FA203"),
    ],
)
def test_a_trajectory_that_cannot_be_meant_is_refused(expect: str, code: str, stated: Stated) -> None:
    assert code in [found for found, _ in stated.problems(expect)]


@pytest.mark.parametrize(
    ("mistyped", "meant"),
    [
        ("_tool_requst_event", "_tool_request_event"),
        ("ToolRequestEvent", "_tool_request_event"),
        ("output_event", "_output_event"),
        ("_OUTPUT_EVENT", "_output_event"),
        ("_contextretrieval_request_event", "_context_retrieval_request_event"),
    ],
)
@pytest.mark.parametrize("step", ["{}", "{{event: {}}}"])
def test_a_mistyped_event_of_flink_agents_is_refused(mistyped: str, meant: str, step: str, stated: Stated) -> None:
    """Below ``never`` it would pass every run."""
    with pytest.raises(ScenarioError) as caught:
        stated.load(f"trajectory: {{never: [{step.format(mistyped)}]}}")
    (problem,) = caught.value.problems
    assert problem.next_step == f'did you mean "{meant}"?'


def test_records_of_the_execution_of_actions_are_no_steps(stated: Stated) -> None:
    ((code, message),) = stated.problems("trajectory: {never: [_execution_failed_event]}")
    assert (code, "execution of actions" in message) == ("FA209", True)


@pytest.mark.parametrize(
    "own", ["booked", "_late_output_event", "shop.events.OrderInputEvent", "_short_term_write_event"]
)
def test_an_event_of_the_agents_own_is_accepted(own: str, stated: Stated) -> None:
    assert stated.load(f"trajectory: {{never: [{own}]}}")


@pytest.mark.parametrize(
    "args",
    [
        "o-1",
        "[o-1]",
        "",
        "20",
        "{contains: o-1}",
        "{regex: o-1}",
        "{each: {n: 1}}",
        "{gt: 20}",
        "{any_string: true}",
        "{not: {gt: 20}}",
        "{one_of: [o-1, {starts_with: o}]}",
    ],
)
def test_arguments_that_are_no_mapping_are_refused(args: str, stated: Stated) -> None:
    """Below ``never`` they would pass every run."""
    never = f"trajectory: {{never: [{{tool: pay_back, args: {args}}}]}}"
    assert stated.problems(never) == [("FA209", "a matcher that can never match: args")]


@pytest.mark.parametrize(
    "args", ["{contains: {n: 1}}", "{not: {contains: {n: 1}}}", "{one_of: [x, {n: 1}]}", "{length: 1}", "{equals: {}}"]
)
def test_arguments_that_a_mapping_can_match_are_accepted(args: str, stated: Stated) -> None:
    assert stated.load(f"trajectory: {{never: [{{tool: pay_back, args: {args}}}]}}")


def test_the_messages_are_the_reviewed_ones(stated: Stated) -> None:
    steps = "[_input_event, {tool: pay_back, args: {order: o-2}}, _output_event]"
    stated.fails("trajectory", f"trajectory: {{key: c-1, match: in_order, events: {steps}}}", REFUND)
    exact = "trajectory: {key: c-1, match: exact, events: [{tool: pay_back}, {tool: look_up}]}"
    stated.fails("trajectory-exact", exact, REFUND)
    stated.fails("trajectory-never", "trajectory: {never: [{tool: pay_back}]}", REFUND)
