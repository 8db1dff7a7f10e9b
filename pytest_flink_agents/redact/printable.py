"""Characters that a terminal or a browser obeys instead of showing, as escapes."""

from __future__ import annotations

import json
import re

# Controls (C0 without tab and newline, C1), marks and overrides of the direction of text, separators of lines,
# and characters without a width. Joiners stay: scripts and emoji need them.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f]"
)


def printable(text: str) -> str:
    r"""Return the text with escapes (``\x1b``) for invisible characters.

    Otherwise a name could colour or reorder a line.
    """
    return _INVISIBLE.sub(_escaped, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    r"""Return a printable text without line breaks, for names."""
    return printable(text).replace("\n", "\\n").replace("\t", "\\t")


def printable_json(document: str) -> str:
    """Return a JSON document with such characters as JSON's own escapes.

    The data stays the same.
    """
    return _INVISIBLE.sub(lambda found: json.dumps(found[0])[1:-1], document)


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code <= 0xFF else f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
