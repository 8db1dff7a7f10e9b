"""Matching rules, messages for unmatched requests, and invalid scripts."""

from __future__ import annotations

from typing import Any

import pytest

from flink_testbed.models.chat import ChatRequest
from flink_testbed.models.rule import Fault, Reply, Rule, ToolCall, Usage, When
from flink_testbed.models.script import Answer, Script, Unmatched, parse_script


def ask(text: str, *, role: str = "user", model: str = "m", system: str = "") -> ChatRequest:
    before = ({"role": "system", "content": system},) if system else ()
    return ChatRequest(model, (*before, {"role": role, "content": text}))


def replies(*whens: When) -> Script:
    return Script(tuple(Rule(when, Reply(f"reply {number}")) for number, when in enumerate(whens)))


def rule_of(script: Script, request: ChatRequest) -> int | None:
    answer = script.answer(request)
    return answer.rule if isinstance(answer, Answer) else None


def unmatched(script: Script, request: ChatRequest, answered: dict[int, int] | None = None) -> Unmatched:
    answer = script.answer(request, answered)
    assert isinstance(answer, Unmatched)
    return answer


@pytest.mark.parametrize(
    ("when", "hit", "miss"),
    [
        (When(contains="refund"), ask("a refund, please"), ask("a Refund, please")),
        (When(regex=r"o-\d+$"), ask("order o-17"), ask("order o-17?")),
        (When(role="tool"), ask("done", role="tool"), ask("tool")),
        (When(model="qwen"), ask("x", model="qwen"), ask("qwen")),
        (When(system_contains="polite"), ask("x", system="Be polite."), ask("polite")),
        (When(contains="a", role="tool"), ask("a", role="tool"), ask("a")),
    ],
)
def test_a_condition_matches_only_its_part_of_the_request(when: When, hit: ChatRequest, miss: ChatRequest) -> None:
    assert rule_of(replies(when), hit) == 0
    assert rule_of(replies(when), miss) is None


def test_conditions_ignore_earlier_messages() -> None:
    request = ChatRequest("m", ({"role": "user", "content": "refund"}, {"role": "tool", "content": "paid"}))
    assert rule_of(replies(When(contains="refund"), When(role="tool")), request) == 1


def test_a_content_of_parts_is_matched_by_its_texts() -> None:
    parts = [{"type": "text", "text": "please"}, {"type": "image_url"}, {"type": "text", "text": "refund"}]
    assert rule_of(replies(When(regex="please\nrefund")), ChatRequest("m", ({"role": "user", "content": parts},))) == 0


def test_the_first_match_wins_and_an_empty_when_matches_everything() -> None:
    assert rule_of(replies(When(), When(contains="refund")), ask("refund")) == 0
    assert rule_of(replies(When()), ChatRequest("m", ())) == 0


def test_a_rule_that_reached_its_limit_lets_the_next_one_answer() -> None:
    script = Script((Rule(reply=Reply("once"), times=1), Rule(reply=Reply("then"))))
    assert script.answer(ask("x"), {}) == Answer(0, Reply("once"), Usage(1, 1), None)
    assert script.answer(ask("x"), {0: 1}) == Answer(1, Reply("then"), Usage(1, 1), None)


def test_usage_is_the_number_of_words_unless_scripted() -> None:
    calls = (ToolCall("pay", {"order": "o-1", "amount": 20}),)
    counted = Script((Rule(reply=Reply("two words", calls)),)).answer(ask("one two three", system="four five"))
    scripted = Script((Rule(reply=Reply("two words"), usage=Usage(41, 9)),)).answer(ask("x"))
    assert isinstance(counted, Answer)
    assert isinstance(scripted, Answer)
    assert counted.usage == Usage(5, 2 + 5)
    assert scripted.usage == Usage(41, 9)


def test_the_nearest_rule_has_the_most_conditions_fulfilled() -> None:
    """Only its failed conditions are explained."""
    script = replies(When(contains="hello worlds"), When(role="user", model="big", contains="bye"))
    answer = unmatched(script, ask("hello world", model="big"))
    assert answer.nearest == 1
    assert "rule 2 of 2, expected the last message to contain 'bye', saw 'hello world'" in answer.text
    assert "role" not in answer.text


def test_of_rules_with_equal_conditions_the_most_similar_text_is_nearest() -> None:
    script = replies(When(contains="weather"), When(contains="refund"), When(contains="invoice"))
    assert unmatched(script, ask("please make a refun of this")).nearest == 1
    assert unmatched(replies(When(contains="zz"), When(contains="zz")), ask("hello")).nearest == 0


def test_a_difference_in_case_is_named() -> None:
    assert "(differs in case only)" in unmatched(replies(When(contains="Refund")), ask("refund")).text


def test_long_texts_are_cut_in_the_message() -> None:
    assert len(unmatched(replies(When(contains="refund")), ask("x" * 100_000)).text) < 400


def test_a_matching_rule_that_reached_its_limit_is_the_nearest() -> None:
    script = Script((Rule(When(contains="other"), Reply("a")), Rule(When(contains="x"), Reply("b"), times=2)))
    answer = unmatched(script, ask("x"), {1: 2})
    assert answer.nearest == 1
    assert "rule 2 of 2, has already answered 2 times, its limit" in answer.text


def test_an_empty_script_matches_nothing() -> None:
    answer = unmatched(Script(), ask("x", model="qwen"))
    assert answer.nearest is None
    assert "'qwen'" in answer.text
    assert "no rules" in answer.text


def test_a_script_of_the_scenario_language_is_parsed() -> None:
    script = parse_script(
        [
            {
                "when": {"contains": "refund", "role": "user", "model": "m", "regex": "r.f", "system_contains": "s"},
                "reply": {"tool_calls": [{"name": "pay_back", "arguments": {"order": "o-1"}}, {"name": "note"}]},
                "usage": {"prompt_tokens": 41, "completion_tokens": 0},
                "times": 3,
            },
            {"reply": {"json": {"ok": True, "name": "ä"}}},
            {"when": {}, "fault": {"status": 429, "retry_after": 2}},
            {"fault": {"delay": "500ms"}},
            {"reply": {"text": ""}, "fault": {"malformed": True, "delay": "1.5s"}},
            {"fault": {"reset": True}},
            {"fault": {"truncate": True}},
        ]
    )
    when = When("refund", "r.f", "user", "m", "s")
    calls = (ToolCall("pay_back", {"order": "o-1"}), ToolCall("note"))
    assert script.rules == (
        Rule(when, Reply("", calls), Usage(41, 0), None, 3),
        Rule(reply=Reply('{"ok": true, "name": "ä"}')),
        Rule(fault=Fault(status=429, retry_after_s=2.0)),
        Rule(fault=Fault(delay_s=0.5)),
        Rule(reply=Reply(), fault=Fault(delay_s=1.5, malformed=True)),
        Rule(fault=Fault(reset=True)),
        Rule(fault=Fault(truncate=True)),
    )
    assert script.models == ("m",)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"reply": {}}, "a script is a list of rules"),
        ([1], "rule 1: expected a mapping of when, reply"),
        ([{"reply": {"text": "a"}}, {"replay": {}}], "rule 2: unknown key 'replay'; did you mean 'reply'?"),
        ([{"when": {"contains": "a"}}], "rule 1: a rule needs a reply or a fault"),
        ([{"when": {"contain": "a"}, "reply": {"text": "a"}}], "rule 1, when: unknown key 'contain'; did you mean"),
        (
            [{"when": {"contains": ""}, "reply": {"text": "a"}}],
            "rule 1, when, contains: expected a string that is not empty",
        ),
        ([{"when": {"regex": "("}, "reply": {"text": "a"}}], "rule 1, when, regex: '(' is not a regular expression"),
        ([{"reply": {}}], "rule 1, reply: a reply needs text, json, tool_calls or embedding"),
        ([{"reply": {"text": "a", "json": 1}}], "rule 1, reply: text and json"),
        ([{"reply": {"text": 1}}], "rule 1, reply, text: 1 is not a string"),
        ([{"reply": {"json": {1, 2}}}], "rule 1, reply, json: {1, 2} cannot be written as JSON"),
        ([{"reply": {"tool_calls": []}}], "rule 1, reply, tool_calls: expected a list"),
        ([{"reply": {"embedding": [1], "text": "a"}}], "rule 1, reply: embedding cannot be combined with text"),
        ([{"reply": {"embedding": []}}], "rule 1, reply, embedding: expected a list of numbers"),
        ([{"reply": {"embedding": [1, True]}}], "rule 1, reply, embedding: expected a list of numbers, but True"),
        ([{"when": {"role": "user"}, "reply": {"embedding": [1]}}], "rule 1: an embedding cannot answer a chat"),
        ([{"when": {"system_contains": "a"}, "reply": {"embedding": [1]}}], "rule 1: a text to embed has no system"),
        ([{"when": {"role": "embedding"}, "reply": {"text": "a"}}], "rule 1: the role 'embedding' needs an embedding"),
        ([{"reply": {"tool_calls": [{}]}}], "rule 1, reply, tool call 1, name: expected a string"),
        ([{"reply": {"tool_calls": [{"name": "a", "arguments": []}]}}], "tool call 1, arguments: expected a mapping"),
        ([{"reply": {"text": "a"}, "usage": {"prompt_tokens": 1}}], "usage, completion_tokens: expected an integer"),
        ([{"reply": {"text": "a"}, "times": 0}], "rule 1, times: expected an integer of at least 1"),
        ([{"reply": {"text": "a"}, "times": True}], "rule 1, times: expected an integer of at least 1"),
        ([{"fault": {}}], "rule 1, fault: a fault needs one of delay"),
        ([{"fault": {"delay": "2 sec"}}], "rule 1, fault, delay: expected a duration"),
        ([{"fault": {"delay": float("inf")}}], "rule 1, fault, delay: expected a duration"),
        ([{"fault": {"status": 200}}], "rule 1, fault, status: expected an integer of at least 400"),
        ([{"fault": {"status": 600}}], "rule 1, fault, status: an error status is 400 to 599"),
        ([{"fault": {"reset": False}}], "rule 1, fault, reset: the only value is true"),
        ([{"fault": {"delay": 1, "retry_after": 1}}], "rule 1, fault: retry_after needs a status"),
        ([{"fault": {"reset": True, "malformed": True}}], "rule 1, fault: reset and malformed exclude each other"),
        ([{"reply": {"text": "a"}, "fault": {"status": 500}}], "rule 1: status replaces the reply"),
    ],
)
def test_an_invalid_script_is_refused_with_rule_place_and_reason(data: Any, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_script(data)
    assert message in str(refused.value)
