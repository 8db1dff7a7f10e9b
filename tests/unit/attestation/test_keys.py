"""Keys: what is no key for signatures is refused before a session starts, and nothing shows a private key."""

from __future__ import annotations

import base64
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from flink_testbed.core.problem import HostError
from pytest_flink_agents.attestation import Verifier, read_signer, read_verifier
from pytest_flink_agents.attestation.envelope import signed_bytes
from tests.support.signing_keys import KEYS, write_keys


def test_what_a_key_signs_its_public_key_accepts(keys: tuple[Path, Path]) -> None:
    signer, verifier = read_signer(str(keys[0]), Path(), {}), read_verifier(keys[1])
    signature = signer.sign(b"text")
    assert signer.key_id == verifier.key_id
    assert verifier.accepts(signature, b"text")
    assert not verifier.accepts(signature, b"texts")
    assert not verifier.accepts(signature[:-1], b"text")
    assert not verifier.accepts(b"", b"text")


def test_a_key_may_be_in_a_variable(keys: tuple[Path, Path]) -> None:
    signer = read_signer("env:GATE_KEY", Path(), {"GATE_KEY": keys[0].read_text(encoding="utf-8")})
    assert signer.key_id == read_verifier(keys[1]).key_id


def test_the_encoding_and_the_signature_of_the_specification_are_accepted() -> None:
    # The test vector of the DSSE protocol, version 1.0.
    x = 46950820868899156662930047687818585632848591499744589407958293238635476079160
    y = 5640078356564379163099075877009565129882514886557779369047442380624545832820
    sig = base64.b64decode("A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA==")
    data = signed_bytes("http://example.com/HelloWorld", b"hello world")
    assert data == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    der = encode_dss_signature(*(int.from_bytes(half, "big") for half in (sig[:32], sig[32:])))
    assert Verifier(key).accepts(der, data)


def refusal(given: str, root: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(HostError) as raised:
        read_signer(given, root, environ or {})
    assert [problem.code for problem in raised.value.problems] == ["FA431"]
    # Neither the message nor an error that it replaces shows what was read.
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None
    return str(raised.value)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o660, 0o666])
def test_a_file_that_others_may_use_is_refused(mode: int, keys: tuple[Path, Path]) -> None:
    keys[0].chmod(mode)
    text = refusal(keys[0].name, keys[0].parent)
    assert f"mode {mode:04o}" in text
    assert "chmod 600" in text


def test_other_kinds_of_keys_are_refused(tmp_path: Path) -> None:
    others: dict[str, Any] = {
        "RSA": rsa.generate_private_key(65537, 2048),
        "the curve secp384r1": ec.generate_private_key(ec.SECP384R1()),
    }
    for seen, key in others.items():
        private, public = write_keys(tmp_path, key)
        assert seen in refusal(private.name, tmp_path)
        with pytest.raises(HostError, match="FA431"):
            read_verifier(public)


def test_what_is_no_private_key_is_refused_without_showing_it(tmp_path: Path, keys: tuple[Path, Path]) -> None:
    private, public = keys
    secret = private.read_text(encoding="utf-8").splitlines()[1]
    cases = {
        "a public key": public.read_text(encoding="utf-8"),
        "something else": f"-----BEGIN PRIVATE KEY-----\n{secret[:-4]}\n-----END PRIVATE KEY-----\n",
        "nothing": " ",
    }
    for seen, text in cases.items():
        shown = refusal("env:GATE_KEY", tmp_path, {"GATE_KEY": text})
        assert seen in shown
        assert secret[:20] not in shown
    locked = KEYS["ed25519"]().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))
    assert "a key with a password" in refusal("env:GATE_KEY", tmp_path, {"GATE_KEY": locked.decode()})
    assert "No such file" in refusal("missing.key", tmp_path)
    assert "a directory instead of a regular file" in refusal(".", tmp_path)


def test_a_private_key_is_never_a_public_one(keys: tuple[Path, Path]) -> None:
    with pytest.raises(HostError, match="which belongs to the signer only"):
        read_verifier(keys[0])


def test_nothing_shows_a_private_key(keys: tuple[Path, Path]) -> None:
    signer = read_signer(str(keys[0]), Path(), {})
    lines = [line for line in keys[0].read_text(encoding="utf-8").splitlines() if "-----" not in line]
    assert repr(signer) == f"Signer({signer.key_id})"
    assert set(lines) < signer.secrets


def test_the_package_is_named_if_it_is_missing(keys: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    assert "pip install 'pytest-flink-agents[sign]'" in refusal(str(keys[0]), Path())
    with pytest.raises(HostError, match=r"pytest-flink-agents\[sign\]"):
        read_verifier(keys[1])
