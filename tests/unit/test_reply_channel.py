"""Requests and replies of a warm process, over streams that are lists."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from flink_testbed.responder import DeadlineError, ProtocolError, ReplyChannel, StreamEndedError


class Streams:
    """Keep what is sent; hand out ``replies`` one chunk at a time, raising those that are exceptions."""

    def __init__(self, replies: Iterable[bytes | BaseException]) -> None:
        self.sent: list[dict[str, Any]] = []
        self._replies = list(replies)

    def send(self, data: bytes) -> None:
        self.sent.append(json.loads(data))

    def receive(self, deadline: float) -> bytes:
        reply = self._replies.pop(0)
        if isinstance(reply, bytes):
            return reply
        raise reply


def reply(number: object, text: str) -> bytes:
    return json.dumps({"id": number, "ok": True, "result": {"text": text}}).encode() + b"\n"


def channel(*replies: bytes | BaseException) -> ReplyChannel:
    streams = Streams(replies)
    return ReplyChannel(streams.send, streams.receive)


def text_of(answer: dict[str, Any]) -> str:
    return str(answer["result"]["text"])


def test_each_request_has_an_id_of_its_own() -> None:
    streams = Streams([reply(1, "first"), reply(2, "second")])
    asked = ReplyChannel(streams.send, streams.receive)
    assert [text_of(asked.ask({"op": "run"}, 0)) for _ in range(2)] == ["first", "second"]
    assert streams.sent == [{"id": 1, "op": "run"}, {"id": 2, "op": "run"}]


def test_a_reply_may_arrive_in_pieces_and_together_with_the_next() -> None:
    first, second = reply(1, "first"), reply(2, "second")
    asked = channel(first[:7], first[7:] + second[:9], second[9:])
    assert [text_of(asked.ask({}, 0)) for _ in range(2)] == ["first", "second"]


@pytest.mark.parametrize("interruption", [KeyboardInterrupt(), DeadlineError(), SystemExit()], ids=repr)
def test_a_late_reply_is_dropped(interruption: BaseException) -> None:
    asked = channel(interruption, reply(1, "late"), reply(2, "right"))
    with pytest.raises(type(interruption)):
        asked.ask({}, 0)
    assert text_of(asked.ask({}, 0)) == "right"


def test_a_late_reply_that_was_read_in_part_is_dropped() -> None:
    late = reply(1, "late")
    asked = channel(late[:5], KeyboardInterrupt(), late[5:] + reply(2, "right"))
    with pytest.raises(KeyboardInterrupt):
        asked.ask({}, 0)
    assert text_of(asked.ask({}, 0)) == "right"


@pytest.mark.parametrize("number", [2, None, "1"])
def test_a_reply_to_a_request_that_was_never_sent_is_an_error(number: object) -> None:
    with pytest.raises(ProtocolError, match="the last request was 1"):
        channel(reply(number, "whose?")).ask({}, 0)


@pytest.mark.parametrize("line", [b"Segmentation fault\n", b"[1]\n", b"\xff\n"])
def test_a_line_that_is_no_reply_is_an_error(line: bytes) -> None:
    with pytest.raises(ProtocolError, match="not a JSON object"):
        channel(line).ask({}, 0)


@pytest.mark.parametrize("ask", [lambda asked: asked.greeting(0), lambda asked: asked.ask({}, 0)])
def test_the_end_of_the_stream_reaches_the_caller(ask: Callable[[ReplyChannel], object]) -> None:
    with pytest.raises(StreamEndedError):
        ask(channel(b"{", StreamEndedError()))


def test_a_long_reply_in_small_parts_is_read_in_linear_time() -> None:
    line = reply(1, "x" * 32_000_000)
    asked = channel(*(line[start : start + 4096] for start in range(0, len(line), 4096)))
    started_s = time.process_time()
    assert len(text_of(asked.ask({}, 0))) == 32_000_000
    assert time.process_time() - started_s < 5
