"""Answer the local worker, which asks after each output which inputs to send."""

from __future__ import annotations

import json
import os
import select
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from pytest_flink_agents.run.conversation import Conversation

_CHUNK = 1 << 16


@contextmanager
def answered(conversation: Conversation | None) -> Iterator[dict[str, Any]]:
    """Answer questions while the block runs; yield the fields of the request, none without held inputs.

    Named pipes instead of a socket: the agent's network may be closed. Both ends of both pipes stay
    open here, so that nothing waits for a worker that has died. They lie outside the run folder,
    because a reader of the folder would wait at a pipe.
    """
    if conversation is None:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="flink-agents-") as folder, ExitStack() as stack:
        pipes = [Path(folder, name) for name in ("outputs", "replies")]
        for pipe in pipes:
            os.mkfifo(pipe, 0o600)
        # Never blocking: a worker that has died reads no reply, and the pipe holds a limited number of bytes.
        asked, replies = (_opened(stack, os.open(pipe, os.O_RDWR | os.O_NONBLOCK)) for pipe in pipes)
        stop, stopping = (_opened(stack, end) for end in os.pipe())
        thread = threading.Thread(
            target=_answer, args=(conversation, asked, replies, stop), name="held-inputs", daemon=True
        )
        thread.start()
        try:
            yield {
                "held": {
                    "inputs": list(conversation.numbers),
                    "outputs": str(pipes[0]),
                    "replies": str(pipes[1]),
                }
            }
        finally:
            os.write(stopping, b"\n")
            thread.join()


def _opened(stack: ExitStack, descriptor: int) -> int:
    stack.callback(os.close, descriptor)
    return descriptor


def _answer(conversation: Conversation, asked: int, replies: int, stop: int) -> None:
    """Answer each line, until a byte arrives at ``stop``."""
    rest = b""
    while True:
        readable, _, _ = select.select([asked, stop], [], [])
        if stop in readable:
            return
        *lines, rest = (rest + os.read(asked, _CHUNK)).split(b"\n")
        for line in lines:
            if not _sent(json.dumps(_released(conversation, line)).encode() + b"\n", replies, stop):
                return


def _sent(reply: bytes, replies: int, stop: int) -> bool:
    """Write a reply as the pipe takes it; return False if a byte arrives at ``stop`` before its end."""
    while reply:
        readable, _, _ = select.select([stop], [replies], [])
        if readable:
            return False
        with suppress(BlockingIOError):
            reply = reply[os.write(replies, reply) :]
    return True


def _released(conversation: Conversation, line: bytes) -> list[int]:
    """Return the numbers of the inputs that a line releases.

    The agent shares the pipe: a line of another form is written by the agent itself, and is no output.
    """
    try:
        output = json.loads(line)
    except (ValueError, RecursionError):
        return []
    return conversation.after(*output) if isinstance(output, list) and len(output) == 2 else []
