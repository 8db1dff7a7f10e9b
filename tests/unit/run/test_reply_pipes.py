"""The thread that answers the local worker through named pipes; the test writes as the worker does."""

from __future__ import annotations

import json
import os
import select
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from pytest_flink_agents.run.conversation import Conversation, Turn
from pytest_flink_agents.run.reply_pipes import answered
from pytest_flink_agents.scenario.matching.matchers import compile_matcher

_LEAVE_S = 10.0
_OUTPUT = b'["a", "hi"]\n'


def held() -> Conversation:
    inputs = [{"key": "a", "value": 0}, {"key": "a", "value": 1}]
    return Conversation(inputs, {1: Turn(1, compile_matcher("hi"))})


def opened(fields: Mapping[str, Any]) -> tuple[int, int]:
    pipes = fields["held"]
    return os.open(pipes["outputs"], os.O_RDWR), os.open(pipes["replies"], os.O_RDONLY)


@pytest.mark.parametrize("line", [b"5", b"null", b'"ab"', b'{"a": 1, "b": 2}', b"[1, 2, 3]", b"\xff", b"[" * 5_000])
def test_a_line_that_is_no_output_is_answered_and_releases_nothing(line: bytes) -> None:
    with answered(held()) as fields:
        outputs, replies = opened(fields)
        os.write(outputs, line + b"\n" + _OUTPUT)
        read = b""
        while read.count(b"\n") < 2 and select.select([replies], [], [], _LEAVE_S)[0]:
            read += os.read(replies, 1_000)
        assert [json.loads(answer) for answer in read.splitlines()] == [[], [1]]
        os.close(outputs)
        os.close(replies)


def test_replies_that_nothing_reads_do_not_keep_the_run_from_ending() -> None:
    left = threading.Event()

    def run() -> None:
        with answered(held()) as fields:
            outputs, replies = opened(fields)
            # More replies than a pipe holds: each is 3 bytes, and a pipe has 64 KiB.
            for _ in range(40):
                os.write(outputs, b"x\n" * 1_000)
            os.close(outputs)
            os.close(replies)
        left.set()

    threading.Thread(target=run, daemon=True).start()
    assert left.wait(_LEAVE_S)
