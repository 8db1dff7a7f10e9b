"""PKCS #12 key stores, in which Flink's REST server and client take certificates and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.command import run_guarded
from flink_testbed.ownership.process import clean_environment

_TOOL_S = 30.0
_OPTION = "security.ssl.rest"


def rest_options(password: str, *, trusted: Path | None = None, own: Path | None = None) -> dict[str, str]:
    """Return the Flink options for TLS with these stores, which have the same password.

    ``trusted`` has the certificates of the other side; ``own`` has the certificate and key with which
    this side authenticates itself.
    """
    options = {f"{_OPTION}.enabled": "true"}
    if trusted:
        options |= {f"{_OPTION}.truststore": str(trusted), f"{_OPTION}.truststore-password": password}
    if own:
        options |= {
            f"{_OPTION}.authentication-enabled": "true",
            f"{_OPTION}.keystore": str(own),
            f"{_OPTION}.keystore-password": password,
            f"{_OPTION}.key-password": password,
        }
    return options


def write_own_store(certificate: Path, key: Path, store: Path, password_file: Path, failed: Problem) -> None:
    """Write a store with a certificate and its key, both in the PEM format and without a password.

    Java's ``keytool`` does not read PEM keys, so this needs ``openssl``. Raises :class:`HostError` as
    :func:`run_tool` does.
    """
    # One round: the password is random or protects nothing, and each JVM would spend its start on thousands.
    command = ["openssl", "pkcs12", "-export", "-iter", "1", "-name", "rest"]
    command += ["-in", str(certificate), "-inkey", str(key)]
    run_tool([*command, "-out", str(store), "-passout", f"file:{password_file}", "-passin", "pass:"], failed)


def run_tool(command: Sequence[str], failed: Problem) -> None:
    """Run ``openssl`` or ``keytool``.

    Raises :class:`HostError` with the problem ``failed``, its place and detail filled in, for another
    exit code than 0.
    """
    done = run_guarded(command, env=clean_environment(), cwd=Path.cwd(), timeout_s=_TOOL_S)
    if done.returncode:
        seen = f"exit code {done.returncode}"
        raise HostError(replace(failed, where=command[0], seen=seen, detail=done.output[-2000:]))
