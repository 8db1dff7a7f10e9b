"""Replace instructions of a compiled Java class by others of the same length.

Because no instruction moves, jumps, tables and stack map frames remain valid; only the constant pool
grows. The layout is that of the Java Virtual Machine Specification, chapter 4.
"""

from __future__ import annotations

from struct import pack, unpack_from

# Opcodes of the instructions that patches replace.
ALOAD_0, ALOAD_1, DUP, DUP_X1, SWAP, NOP = b"\x2a", b"\x2b", b"\x59", b"\x5a", b"\x5f", b"\x00"
LLOAD_1, GOTO, ICONST_0, ICONST_1, IRETURN = b"\x1f", b"\xa7", b"\x03", b"\x04", b"\xac"
NEW, GETFIELD, PUTFIELD, LDC, LDC_W = b"\xbb", b"\xb4", b"\xb5", b"\x12", b"\x13"
INVOKEVIRTUAL, INVOKESPECIAL, INVOKESTATIC, INVOKEINTERFACE = b"\xb6", b"\xb7", b"\xb8", b"\xb9"

# Tag of a constant -> number of bytes after it; a Utf8 constant (tag 1) has its own length.
_SIZES = {3: 4, 4: 4, 5: 8, 6: 8, 7: 2, 8: 2, 9: 4, 10: 4, 11: 4, 12: 4, 15: 3, 16: 2, 17: 4, 18: 4, 19: 2, 20: 2}
_TEXT, _CLASS, _STRING, _FIELD, _METHOD, _INTERFACE_METHOD, _NAME_AND_TYPE = 1, 7, 8, 9, 10, 11, 12
# Long and Double take two indexes of the pool.
_WIDE = (5, 6)
_POOL_AT = 10


class UnknownClassError(ValueError):
    """The class does not contain the expected instructions exactly once.

    Or the content is no class.
    """


class ClassFile:
    """A class whose constants are added on demand.

    The methods named after kinds of constants return the two index bytes that instructions use.
    """

    def __init__(self, content: bytes) -> None:
        if content[:4] != b"\xca\xfe\xba\xbe":
            raise UnknownClassError("not a Java class")
        self._head = content[:8]
        (self._count,) = unpack_from(">H", content, 8)
        self._pool: dict[bytes, int] = {}
        at, index = _POOL_AT, 1
        while index < self._count:
            tag = content[at]
            size = 1 + (2 + unpack_from(">H", content, at + 1)[0] if tag == _TEXT else _SIZES[tag])
            self._pool.setdefault(content[at : at + size], index)
            at, index = at + size, index + (2 if tag in _WIDE else 1)
        self._constants = content[_POOL_AT:at]
        self._body = content[at:]

    def _constant(self, tag: int, content: bytes) -> bytes:
        entry = bytes([tag]) + content
        if entry not in self._pool:
            self._pool[entry] = self._count
            self._constants += entry
            self._count += 1
        return pack(">H", self._pool[entry])

    def _text(self, text: str) -> bytes:
        return self._constant(_TEXT, pack(">H", len(text)) + text.encode("ascii"))

    def _member(self, tag: int, owner: str, name: str, kind: str) -> bytes:
        named = self._constant(_NAME_AND_TYPE, self._text(name) + self._text(kind))
        return self._constant(tag, self.of_class(owner) + named)

    def of_class(self, name: str) -> bytes:
        """Return a class constant; ``name`` is like ``java/net/InetAddress``."""
        return self._constant(_CLASS, self._text(name))

    def string(self, text: str) -> bytes:
        """Return a string constant."""
        return self._constant(_STRING, self._text(text))

    def field(self, owner: str, name: str, kind: str) -> bytes:
        """Return a field constant; ``kind`` is a descriptor like ``Ljava/lang/String;`` or ``I``."""
        return self._member(_FIELD, owner, name, kind)

    def method(self, owner: str, name: str, kind: str) -> bytes:
        """Return a method constant of a class; ``kind`` is a descriptor like ``(I)V``."""
        return self._member(_METHOD, owner, name, kind)

    def interface_method(self, owner: str, name: str, kind: str) -> bytes:
        """Return a method constant of an interface."""
        return self._member(_INTERFACE_METHOD, owner, name, kind)

    def replace(self, old: bytes, new: bytes) -> None:
        """Replace instructions; raise :class:`UnknownClassError` unless ``old`` occurs exactly once."""
        assert len(old) == len(new), "no instruction may move"
        if self._body.count(old) != 1:
            raise UnknownClassError(f"the instructions occur {self._body.count(old)} times")
        self._body = self._body.replace(old, new)

    def content(self) -> bytes:
        """Return the class as the content of a class file."""
        return self._head + pack(">H", self._count) + self._constants + self._body
