"""The patch that ends a bounded Kafka source after a restore. The class is handwritten."""

from __future__ import annotations

from struct import pack

import pytest

from flink_testbed.artifacts.bounded_kafka import never_empty
from flink_testbed.artifacts.class_file import UnknownClassError

# iconst_1, goto the return, iconst_0, ireturn: the end of a method that returns whether something is so.
RETURNS = b"\x04\xa7\x00\x04\x03\xac"


def change(code: bytes) -> bytes:
    return b"\xca\xfe\xba\xbe" + pack(">HHH", 0, 55, 1) + code


def test_a_change_is_never_empty_and_nothing_moves() -> None:
    assert never_empty(change(b"\x2a" + RETURNS)) == change(b"\x2a\x03\xa7\x00\x04\x03\xac")


@pytest.mark.parametrize("code", [b"", RETURNS + RETURNS])
def test_a_class_with_another_number_of_such_methods_is_refused(code: bytes) -> None:
    with pytest.raises(UnknownClassError):
        never_empty(change(code))
