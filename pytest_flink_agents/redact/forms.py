"""The encodings in which a secret may appear in a text."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

# Of a secret of many lines each line is one too, since texts are shown line by line. Shorter ones are braces and padding.
_SHORTEST_LINE = 8
# Fewer characters of base64 than this occur by chance.
_SHORTEST_BASE64 = 5


def forms_of(secret: str) -> set[str]:
    """Return the secret in every encoding that this package recognises."""
    lines = [line.strip() for line in secret.splitlines()]
    texts = {secret, *(line for line in lines if len(line) >= _SHORTEST_LINE)}
    return {form for text in texts for form in _forms(text) if form}


def _forms(text: str) -> Iterator[str]:
    # Bytes of the environment that are not UTF-8 are surrogates in Python's text.
    raw = text.encode("utf-8", "surrogateescape")
    yield text
    yield from _base64_forms(raw)
    yield raw.hex()
    yield raw.hex().upper()
    for quoted in (quote(raw), quote(raw, safe=""), quote_plus(raw)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), quoted)
    literals = [text, repr(text)[1:-1], repr(raw)[2:-1], html.escape(text), text.replace("'", "'\"'\"'")]
    for literal in literals:
        yield literal
        yield from _json_forms(literal)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield the characters of base64 that these bytes alone decide.

    There are three forms, one for each place of the first byte in a group of three.

    ``Basic`` credentials hold a password behind a user's name: its first character of base64 then depends on that name.
    """
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        first, end = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        form = encoded[first:end]
        if len(form) >= _SHORTEST_BASE64:
            yield form
            yield form.replace("+", "-").replace("/", "_")


def _json_forms(text: str) -> Iterator[str]:
    """Yield the text as JSON writes it, and as JSON writes JSON that holds it."""
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        twice = json.dumps(once, ensure_ascii=ascii_only)[1:-1]
        yield once
        yield twice
        yield json.dumps(twice, ensure_ascii=ascii_only)[1:-1]
