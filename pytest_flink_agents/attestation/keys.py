"""Keys for signatures: ed25519, or ECDSA on the curve P-256, as PEM files.

The package cryptography is the extra ``sign``, so it is imported by those who sign or verify only. Its two kinds of keys
have no type in common.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flink_testbed.core.problem import HostError, Problem
from pytest_flink_agents.scenario.boundary.places import open_regular

# The value of the option that names a variable of the environment instead of a file.
VARIABLE = "env:"
_KINDS = "a key for ed25519 or for ECDSA on P-256, in PEM (PKCS #8), without a password"
_MAKE_ONE = "make one: openssl genpkey -algorithm ed25519 -out sign.key && chmod 600 sign.key"
_KEY_BYTES = 1 << 16


class Signer:
    """A private key. Nothing shows it: its text is the id of its public key."""

    def __init__(self, key: Any, pem: str) -> None:
        self._key = key
        # What the redactor must mask, if a job prints it.
        self.secrets = frozenset((pem.strip(), *(line for line in pem.splitlines() if "-----" not in line)))
        self.key_id = _key_id(key.public_key())

    def __repr__(self) -> str:
        return f"Signer({self.key_id})"

    @property
    def verifier(self) -> Verifier:
        """The public key of this one."""
        return Verifier(self._key.public_key())

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes; that of ECDSA is in DER, with SHA-256."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        is_ed25519 = isinstance(self._key, Ed25519PrivateKey)
        signature: bytes = self._key.sign(data) if is_ed25519 else self._key.sign(data, _ecdsa())
        return signature


class Verifier:
    """A public key."""

    def __init__(self, key: Any) -> None:
        self._key = key
        self.key_id = _key_id(key)

    def accepts(self, signature: bytes, data: bytes) -> bool:
        """Return whether the private key of this one made the signature of the bytes."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            if isinstance(self._key, Ed25519PublicKey):
                self._key.verify(signature, data)
            else:
                self._key.verify(signature, data, _ecdsa())
        except InvalidSignature:
            return False
        return True


def read_signer(given: str, root: Path, environ: Mapping[str, str], option: str = "--flink-sign-key") -> Signer:
    """Return the private key of a file, or that in a variable if ``env:NAME`` is given.

    A relative path begins at ``root``; ``option`` is the one that named the key. Raises ``HostError`` FA431 without any
    part of the key.
    """
    if "PRIVATE KEY" in given:
        next_step = f"write it to a file that only you may read, or put it in a variable: {option}={VARIABLE}NAME"
        raise _unusable(option, "the key itself is given", f"its file, or {VARIABLE}NAME", "a key", next_step)
    where = f"{option}={given}"
    data = _from_variable(given, where, environ) if given.startswith(VARIABLE) else _from_file(root / given, where)
    _require_package(where)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key: Any = load_pem_private_key(data, password=None)
        pem = data.decode("ascii")
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The error is not shown: it may hold a part of what was read.
        locked = b"ENCRYPTED" in data
        seen = "a key with a password" if locked else "a public key" if b"PUBLIC KEY" in data else "something else"
        raise _unusable(where, "this is no private key for signatures", _KINDS, seen, _MAKE_ONE) from None
    return Signer(_supported(key, where), pem)


def read_verifier(path: Path) -> Verifier:
    """Return the public key of a file. Raises ``HostError`` FA431."""
    where = f"--key={path}"
    try:
        with open_regular(path) as file:
            data = file.read(_KEY_BYTES)
    except OSError as error:
        raise _unusable(where, "the key cannot be read", "a regular file", error.strerror or "") from None
    _require_package(where)
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    make = "write it: openssl pkey -in sign.key -pubout -out sign.pub"
    try:
        key: Any = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        seen = "a private key, which belongs to the signer only" if b"PRIVATE KEY" in data else "something else"
        expected = "a public key for ed25519 or for ECDSA on P-256, in PEM"
        raise _unusable(where, "this is no public key for signatures", expected, seen, make) from None
    return Verifier(_supported(key, where))


def _from_variable(given: str, where: str, environ: Mapping[str, str]) -> bytes:
    name = given.removeprefix(VARIABLE)
    value = environ.get(name, "")
    if not value.strip():
        raise _unusable(where, "the variable with the key is not set", f"a private key in {name}", "nothing")
    return value.encode("utf-8", "surrogateescape")


def _from_file(path: Path, where: str) -> bytes:
    try:
        with open_regular(path) as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_KEY_BYTES)
    except OSError as error:
        seen = error.strerror or "another kind of file"
        raise _unusable(where, "the key cannot be read", "a regular file", seen, "correct the path") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        seen = f"mode {stat.S_IMODE(mode):04o}"
        next_step = f"chmod 600 {path}, or pass the key in a variable: {where.partition('=')[0]}={VARIABLE}NAME"
        raise _unusable(where, "other users may use the key", "a file for its owner only", seen, next_step)
    return data


def _supported(key: Any, where: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(key, (ed25519.Ed25519PrivateKey, ed25519.Ed25519PublicKey)):
        return key
    elliptic = isinstance(key, (ec.EllipticCurvePrivateKey, ec.EllipticCurvePublicKey))
    if elliptic and isinstance(key.curve, ec.SECP256R1):
        return key
    seen = f"the curve {key.curve.name}" if elliptic else type(key).__name__.strip("_")
    raise _unusable(where, "this kind of key is not supported", _KINDS, seen, _MAKE_ONE)


def _key_id(key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _ecdsa() -> Any:
    from cryptography.hazmat.primitives.asymmetric.ec import ECDSA
    from cryptography.hazmat.primitives.hashes import SHA256

    return ECDSA(SHA256())


def _require_package(where: str) -> None:
    try:
        import cryptography  # noqa: F401 - only whether it is there
    except ImportError:
        next_step = "pip install 'pytest-flink-agents[sign]'"
        raise _unusable(where, "signatures need a package", "cryptography", "not installed", next_step) from None


def _unusable(where: str, message: str, expected: str, seen: str, next_step: str = "") -> HostError:
    return HostError(Problem("FA431", message, where, expected, seen, next_step))
