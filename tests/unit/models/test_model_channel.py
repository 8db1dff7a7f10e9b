"""Responses and records of a channel."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from flink_testbed.models.added_wire import AddedWire
from flink_testbed.models.channel import UNMATCHED_STATUS, Channel
from flink_testbed.models.rule import Usage
from flink_testbed.models.script import parse_script

OLLAMA = "/api/chat"
OPENAI = "/v1/chat/completions"


def channel_of(*rules: dict[str, Any]) -> Channel:
    return Channel("http://127.0.0.1:1/token", parse_script(rules), on_close=lambda: None)


def chat(text: str, **more: Any) -> bytes:
    return json.dumps({"model": "m", "messages": [{"role": "user", "content": text}], "stream": False, **more}).encode()


def test_each_client_gets_the_address_it_expects() -> None:
    channel = channel_of()
    assert channel.anthropic_url == channel.ollama_url
    assert (channel.ollama_url, channel.openai_url) == ("http://127.0.0.1:1/token", "http://127.0.0.1:1/token/v1")


def test_an_answered_call_is_recorded_completely() -> None:
    tools = [{"type": "function", "function": {"name": "pay"}}]
    channel = channel_of(
        {"when": {"contains": "no"}, "reply": {"text": "no"}},
        {
            "reply": {"tool_calls": [{"name": "pay", "arguments": {"a": 1}}]},
            "usage": {"prompt_tokens": 4, "completion_tokens": 2},
        },
    )
    assert channel.post(OPENAI, chat("hi", tools=tools)).status == 200
    (call,) = channel.calls
    assert (call.seq, call.wire, call.model, call.tools, call.rule) == (1, "openai", "m", ("pay",), 1)
    assert call.messages == ({"role": "user", "content": "hi"},)
    assert call.reply == {"tool_calls": [{"name": "pay", "arguments": {"a": 1}}]}
    assert (call.nearest, call.status, call.faults, call.usage) == ("", 200, (), Usage(4, 2))
    assert call.wall_time_s > 1_600_000_000
    assert channel.unmatched == ()


def test_replies_of_a_rule_are_counted_per_channel() -> None:
    rules = ({"reply": {"text": "first"}, "times": 1}, {"reply": {"text": "later"}})
    channel = channel_of(*rules)
    for _ in range(3):
        channel.post(OLLAMA, chat("hi"))
    assert [call.rule for call in channel.calls] == [0, 1, 1]
    other = channel_of(*rules)
    other.post(OLLAMA, chat("hi"))
    assert [call.rule for call in other.calls] == [0]


@pytest.mark.parametrize("path", [OLLAMA, OPENAI])
def test_an_unmatched_request_gets_an_error_that_clients_do_not_retry(path: str) -> None:
    channel = channel_of({"when": {"contains": "refund"}, "reply": {"text": "ok"}})
    delivery = channel.post(path, chat("hello"))
    assert delivery.status == 422
    assert "scripted model: no rule" in delivery.body.data.decode()
    assert "rule 1 of 1, expected the last message to contain 'refund', saw 'hello'" in delivery.body.data.decode()
    (call,) = channel.unmatched
    assert (call.rule, call.reply, call.status, call.usage) == (None, {}, 422, None)
    assert "rule 1 of 1" in call.nearest


def test_invalid_requests_and_unknown_paths_count_as_unmatched() -> None:
    channel = channel_of({"reply": {"text": "ok"}})
    statuses = [
        channel.post(OLLAMA, b"{").status,
        channel.post("/api/generate", b"{}").status,
        channel.post("/v1/embeddings", b"{}").status,
        channel.post("/v1/messages", b"{}").status,
        channel.refuse(OPENAI, 413, "too big").status,
    ]
    assert statuses == [400, 404, 400, 400, 413]
    assert [(call.wire, call.status) for call in channel.unmatched] == [
        ("ollama", 400),
        ("ollama", 404),
        ("openai", 400),
        ("anthropic", 400),
        ("openai", 413),
    ]
    assert "POST /api/embed" in channel.unmatched[1].nearest


def test_gets_are_answered_and_not_recorded() -> None:
    named = channel_of({"when": {"model": "qwen"}, "reply": {"text": "ok"}})
    unnamed = channel_of()
    assert json.loads(named.get("/v1/models").body.data)["data"][0]["id"] == "qwen"
    assert json.loads(unnamed.get("/api/tags").body.data)["models"][0]["name"] == "scripted"
    assert unnamed.get("/nowhere").status == 404
    assert named.calls == ()


def test_a_status_fault_replaces_the_reply() -> None:
    channel = channel_of({"fault": {"status": 429, "retry_after": "2s"}})
    delivery = channel.post(OPENAI, chat("hi"))
    assert (delivery.status, delivery.retry_after_s) == (429, 2.0)
    assert "rule 1 scripts this failure" in json.loads(delivery.body.data)["error"]["message"]
    (call,) = channel.calls
    assert (call.rule, call.status, call.reply, call.usage, call.faults) == (0, 429, {}, None, ("status",))
    assert channel.unmatched == ()


def test_a_reset_is_recorded_without_a_status() -> None:
    channel = channel_of({"fault": {"reset": True}})
    assert channel.post(OLLAMA, chat("hi")).reset
    assert (channel.calls[0].status, channel.calls[0].faults) == (0, ("reset",))


def test_a_delayed_response_is_complete() -> None:
    """Without a scripted reply it is an empty text."""
    delivery = channel_of({"fault": {"delay": "2s"}}).post(OLLAMA, chat("hi"))
    assert (delivery.delay_s, delivery.status) == (2.0, 200)
    assert json.loads(delivery.body.data)["message"]["content"] == ""


@pytest.mark.parametrize("path", [OLLAMA, OPENAI])
@pytest.mark.parametrize("stream", [False, True])
def test_no_part_of_a_malformed_response_is_json(path: str, stream: bool) -> None:
    channel = channel_of({"reply": {"text": "some words"}, "fault": {"malformed": True}})
    delivery = channel.post(path, chat("hi", stream=stream))
    assert delivery.status == 200
    texts = [line.removeprefix("data: ") for line in delivery.body.data.decode().splitlines()]
    for text in (text for text in texts if text not in ("", "[DONE]")):
        with pytest.raises(ValueError):
            json.loads(text)


def test_a_truncated_response_is_cut_by_the_server_only() -> None:
    delivery = channel_of({"reply": {"text": "ok"}, "fault": {"truncate": True}}).post(OLLAMA, chat("hi"))
    assert delivery.truncate
    assert json.loads(delivery.body.data)["message"]["content"] == "ok"


def test_closing_removes_the_address_and_keeps_the_record() -> None:
    closed: list[bool] = []
    with Channel(
        "http://x", parse_script([{"reply": {"text": "ok"}}]), on_close=lambda: closed.append(True)
    ) as channel:
        channel.post(OLLAMA, chat("hi"))
        assert closed == []
    assert closed == [True]
    assert len(channel.calls) == 1


def embed(*texts: str, **more: Any) -> bytes:
    return json.dumps({"model": "e", "input": list(texts), **more}).encode()


def test_a_text_to_embed_needs_no_rule() -> None:
    channel = channel_of({"reply": {"text": "ok"}})
    vectors = json.loads(channel.post("/api/embed", embed("red shoes", "red shoes", "blue hat")).body.data)[
        "embeddings"
    ]
    assert vectors[0] == vectors[1] != vectors[2]
    (call,) = channel.calls
    assert (call.rule, call.status, call.nearest, call.reply) == (None, 200, "", {"embeddings": 3})
    assert call.messages[2] == {"role": "embedding", "content": "blue hat"}
    assert call.usage == Usage(6, 0)
    assert channel.unmatched == ()


def test_rules_for_embeddings_do_not_answer_chats() -> None:
    channel = channel_of({"when": {"contains": "red"}, "reply": {"embedding": [1, 0]}, "times": 1})
    for _ in range(2):
        data = json.loads(channel.post("/v1/embeddings", embed("red", "blue", dimensions=2)).body.data)["data"]
    assert len(data[1]["embedding"]) == 2
    assert [call.rule for call in channel.calls] == [0, None]
    assert channel.post(OLLAMA, chat("red")).status == 422
    assert channel.unmatched[0].nearest.endswith("the script has no rules for it")


def test_a_fault_for_embeddings_does_not_apply_to_chats() -> None:
    rule = {"when": {"role": "embedding", "contains": "red"}, "fault": {"status": 503, "retry_after": 1}}
    channel = channel_of(rule, {"reply": {"text": "ok"}})
    delivery = channel.post("/v1/embeddings", embed("blue", "red"))
    assert (delivery.status, delivery.retry_after_s) == (503, 1)
    assert channel.post("/v1/embeddings", embed("blue")).status == 200
    assert channel.post(OPENAI, chat("red")).status == 200
    assert [(call.faults, call.usage is None) for call in channel.calls] == [
        (("status",), True),
        ((), False),
        ((), False),
    ]


def test_slow_rules_of_a_scenario_share_one_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flink_testbed.models.channel._SEARCHES_S", 0.5)
    slow = [{"when": {"regex": f"(.*a){{12}}x{number}"}, "reply": {"text": "never"}} for number in range(60)]
    started = time.monotonic()
    delivery = channel_of(*slow).post(OLLAMA, chat("a" * 5000))
    assert time.monotonic() - started < 20
    assert delivery.status == UNMATCHED_STATUS
    assert b"took longer than 0.5 s" in delivery.body.data


class Plain:
    """A format with one prompt a request."""

    path = "/generate"

    def read(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"model": data["engine"], "messages": [{"role": "user", "content": data["prompt"]}], "tools": ["pay"]}

    def write(self, reply: dict[str, Any]) -> Any:
        return {"answer": reply["text"], "calls": reply["tool_calls"], "tokens": reply["usage"]["prompt_tokens"]}


class Mute(Plain):
    """A format that cannot write."""

    def write(self, reply: dict[str, Any]) -> Any:
        raise KeyError("answer")


def channel_with(wire: AddedWire, *rules: dict[str, Any]) -> Channel:
    return Channel("http://127.0.0.1:1/token", parse_script(rules), on_close=lambda: None, added=[wire])


ASKED = json.dumps({"engine": "m-1", "prompt": "hi"}).encode()


def test_an_added_format_is_read_written_and_recorded() -> None:
    pay = {"name": "pay", "arguments": {"a": 1}}
    rule = {
        "when": {"contains": "hi", "model": "m-1"},
        "reply": {"tool_calls": [pay]},
        "usage": {"prompt_tokens": 4, "completion_tokens": 2},
    }
    channel = channel_with(AddedWire("plain", Plain()), rule)
    assert channel.added_urls == {"plain": "http://127.0.0.1:1/token/plain"}
    delivery = channel.post("/plain/generate", ASKED)
    assert json.loads(delivery.body.data) == {"answer": "", "calls": [pay], "tokens": 4}
    (call,) = channel.calls
    assert (call.wire, call.model, call.tools, call.nearest) == ("plain", "m-1", ("pay",), "")


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        ("/plain/generate", b'{"engine": "m-1"}', 400, "the format plain cannot read the request: KeyError: 'prompt'"),
        ("/plain/other", ASKED, 404, "unknown path: POST /plain/other"),
        ("/generate", ASKED, 404, "unknown path: POST /generate"),
    ],
)
def test_a_request_that_an_added_format_does_not_have_is_refused(
    path: str, body: bytes, status: int, said: str
) -> None:
    channel = channel_with(AddedWire("plain", Plain()), {"reply": {"text": "hello"}})
    assert channel.post(path, body).status == status
    (call,) = channel.unmatched
    assert said in call.nearest
    if status == 404:
        assert "known are POST /api/chat, " in call.nearest
        assert ", POST /plain/generate, " in call.nearest


def test_a_get_of_an_added_format_is_refused_in_that_format() -> None:
    delivery = channel_with(AddedWire("v1x", Plain())).get("/v1x/models")
    assert delivery.status == 404
    error = json.loads(delivery.body.data)["error"]
    assert error.startswith("scripted model: unknown path: GET /v1x/models; known are ")
    assert "POST /v1x/generate" in error


def test_a_reply_that_cannot_be_written_is_never_a_silent_one() -> None:
    channel = channel_with(AddedWire("mute", Mute()), {"reply": {"text": "hello"}})
    assert channel.post("/mute/generate", ASKED).status == 500
    (call,) = channel.unmatched
    assert call.nearest == "the format mute cannot write the reply: KeyError: 'answer'"
    assert [each.seq for each in channel.calls] == [1]
