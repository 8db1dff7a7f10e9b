"""Patching a class file. The class is handwritten; integration tests use the real ones."""

from __future__ import annotations

from struct import pack

import pytest

from flink_testbed.artifacts.class_file import ClassFile, UnknownClassError
from flink_testbed.artifacts.loopback import bind_whole_address

HEAD = b"\xca\xfe\xba\xbe" + pack(">HH", 0, 55)
BUILDER = "org/apache/beam/vendor/grpc/v9p9p9/io/grpc/netty/NettyServerBuilder"
LONG = b"\x05" + 8 * b"\x01"


def text(content: str) -> bytes:
    return b"\x01" + pack(">H", len(content)) + content.encode()


def servers(code: bytes) -> bytes:
    """A class that holds the constants of Beam's, with a long among them, and this code."""
    constants = [
        *(text("java/net/InetSocketAddress"), b"\x07\x00\x01", text("getPort"), text("()I"), b"\x0c\x00\x03\x00\x04"),
        *(b"\x0a\x00\x02\x00\x05", LONG, text(BUILDER), b"\x07\x00\x09", text("forPort"), text(f"(I)L{BUILDER};")),
        *(b"\x0c\x00\x0b\x00\x0c", b"\x0a\x00\x0a\x00\x0d"),
    ]
    return HEAD + pack(">H", 15) + b"".join(constants) + code


# aload_1, invokevirtual getPort (6), invokestatic forPort (14): the long takes the places 7 and 8.
CALL = b"\x2b\xb6\x00\x06\xb8\x00\x0e"


def test_a_patch_changes_one_call_and_moves_nothing() -> None:
    changed = bind_whole_address(servers(b"before" + CALL + b"after"))
    assert changed.endswith(b"before\x2b\x00\x00\x00\xb8\x00\x12after")
    java = ClassFile(changed)
    assert java.method(BUILDER, "forAddress", f"(Ljava/net/SocketAddress;)L{BUILDER};") == b"\x00\x12"
    assert java.content() == changed


@pytest.mark.parametrize("code", [b"", CALL + CALL, b"\x2b\xb6\x00\x06\xb8\x00\x0d"])
def test_a_class_without_exactly_one_such_call_is_refused(code: bytes) -> None:
    with pytest.raises(UnknownClassError):
        bind_whole_address(servers(code))


def test_a_file_that_is_no_class_is_refused() -> None:
    with pytest.raises(UnknownClassError, match="not a Java class"):
        bind_whole_address(BUILDER.encode())
