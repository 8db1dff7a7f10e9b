"""The patch that puts timers of Python into checkpoints. The class is handwritten."""

from __future__ import annotations

from struct import pack

import pytest

from flink_testbed.artifacts.class_file import ClassFile, UnknownClassError
from flink_testbed.artifacts.python_timers import TIMERS_IN_CHECKPOINTS, register_before_snapshot

SUPER = "org/apache/flink/streaming/api/operators/AbstractStreamOperator"


def text(content: str) -> bytes:
    return b"\x01" + pack(">H", len(content)) + content.encode()


def operator(code: bytes) -> bytes:
    """A class with the constant 6 for the superclass's empty method, and this code."""
    constants = [
        *(text(SUPER), b"\x07\x00\x01", text("prepareSnapshotPreBarrier"), text("(J)V")),
        *(b"\x0c\x00\x03\x00\x04", b"\x0a\x00\x02\x00\x05"),
    ]
    return b"\xca\xfe\xba\xbe" + pack(">HHH", 0, 55, 7) + b"".join(constants) + code


# aload_0, lload_1, invokespecial prepareSnapshotPreBarrier (6), then goto, or aload_3 and athrow.
CALL = b"\x2a\x1f\xb7\x00\x06"
REGULAR, AFTER_AN_ERROR = CALL + b"\xa7\x00\x09", CALL + b"\x2d\xbf"


def test_the_empty_call_of_a_regular_snapshot_is_replaced_and_nothing_moves() -> None:
    changed = register_before_snapshot(operator(REGULAR + AFTER_AN_ERROR))
    java = ClassFile(changed)
    owner = TIMERS_IN_CHECKPOINTS.member.removesuffix(".class")
    register = java.method(owner, "drainUnregisteredTimers", "()V")
    assert changed.endswith(b"\x2a\xb6" + register + b"\x00\xa7\x00\x09" + AFTER_AN_ERROR)
    assert java.content() == changed


@pytest.mark.parametrize("code", [b"", AFTER_AN_ERROR, REGULAR + REGULAR])
def test_a_class_without_exactly_one_such_call_is_refused(code: bytes) -> None:
    with pytest.raises(UnknownClassError):
        register_before_snapshot(operator(code))
