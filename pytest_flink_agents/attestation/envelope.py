"""The file of an attestation: the statement alone, or in a signed envelope.

The envelope is that of DSSE 1.0 (https://github.com/secure-systems-lab/dsse), with one signature. Its JSON is written in
one form, and read in no other: a byte that changes nothing for a JSON parser is a changed byte, too.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pytest_flink_agents.attestation.keys import Signer, Verifier

PAYLOAD_TYPE = "application/vnd.in-toto+json"


class MalformedError(Exception):
    """A file that is not an attestation in the form in which it was written; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """A statement as it was read: its bytes, its content, and its signature if it is in an envelope."""

    body: bytes
    statement: Mapping[str, Any]
    signature: bytes | None = None
    key_id: str = ""

    def signed_by(self, key: Verifier) -> bool:
        """Return whether the key signed the statement."""
        return self.signature is not None and key.accepts(self.signature, signed_bytes(PAYLOAD_TYPE, self.body))


def file_of(statement: Mapping[str, Any], signer: Signer | None) -> bytes:
    """Return the bytes of the file."""
    if signer is None:
        return _readable(statement)
    body = compact(statement)
    return _envelope(body, signer.sign(signed_bytes(PAYLOAD_TYPE, body)), signer.key_id)


def read(data: bytes) -> Attestation:
    """Return the attestation in the bytes of a file. Raises :class:`MalformedError`."""
    document = strict_json(data)
    if not isinstance(document, dict):
        message = "it is not a JSON object"
        raise MalformedError(message)
    if "payload" not in document and "signatures" not in document:
        _require_form(data, _readable(document))
        return Attestation(compact(document), document)
    try:
        ((signature, key_id),) = [(one["sig"], one["keyid"]) for one in document["signatures"]]
        body, sig = (base64.b64decode(text, validate=True) for text in (document["payload"], signature))
        _require_form(data, _envelope(body, sig, key_id))
    except (KeyError, TypeError, ValueError, binascii.Error):
        message = "it is no envelope with one signature"
        raise MalformedError(message) from None
    statement = strict_json(body)
    if not isinstance(statement, dict) or compact(statement) != body:
        message = "its payload is not in the form in which it was written"
        raise MalformedError(message)
    return Attestation(body, statement, sig, key_id)


def strict_json(data: bytes) -> Any:
    """Return the value of a JSON document in UTF-8.

    Raises :class:`MalformedError`, also for a key that an object has twice, and for numbers that JSON does not have.
    """
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        seen = str(error) if isinstance(error, (_DuplicateKeyError, json.JSONDecodeError)) else type(error).__name__
        message = f"it is no JSON document: {seen}"
        raise MalformedError(message) from None


def compact(statement: Mapping[str, Any]) -> bytes:
    """Return the bytes that are signed."""
    return json.dumps(statement, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def signed_bytes(payload_type: str, body: bytes) -> bytes:
    """Return what a signature of DSSE is about: the pre-authentication encoding of type and body."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)


def _envelope(body: bytes, signature: bytes, key_id: str) -> bytes:
    payload, sig = (base64.b64encode(data).decode() for data in (body, signature))
    return _readable({"payload": payload, "payloadType": PAYLOAD_TYPE, "signatures": [{"keyid": key_id, "sig": sig}]})


def _readable(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=2).encode("utf-8", "surrogatepass") + b"\n"


def _require_form(data: bytes, expected: bytes) -> None:
    if data != expected:
        place = next((at for at, (one, other) in enumerate(zip(data, expected, strict=False)) if one != other), None)
        at = min(len(data), len(expected)) if place is None else place
        message = f"it is not in the form in which it was written, from byte {at} on"
        raise MalformedError(message)


class _DuplicateKeyError(ValueError):
    """An object has a key twice, of which parsers take one or the other."""


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        message = f"the key {twice!r} is there twice"
        raise _DuplicateKeyError(message)
    return found


def _refuse(word: str) -> Any:
    message = f"{word} is no number"
    raise ValueError(message)
