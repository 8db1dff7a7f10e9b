"""The way to the REST of a cluster that is not ours: address, token and TLS files. Nothing of it is ever printed.

The token goes into the header ``Authorization: Bearer``, of our calls and of Flink's own client's, which takes it from an
environment variable. Flink's client wants key stores where everybody else has PEM files; they are made here.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from flink_testbed.core.problem import HostError, Problem

TOKEN, CA, CERTIFICATE, KEY = (f"FLINK_AGENTS_TEST_REST_{name}" for name in ("TOKEN", "CA", "CERT", "KEY"))
# A shorter one could not be masked in texts without masking half of them.
_SHORTEST_TOKEN = 6
_STORE_S = 30.0
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RestAccess:
    """``url`` is ``http(s)://HOST:PORT``. ``ca``, ``certificate`` and ``key`` are PEM files."""

    url: str
    token: str = field(default="", repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_this_machine(self) -> bool:
        """Whether the address is of this machine, whose files such a cluster sees."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    @property
    def headers(self) -> dict[str, str]:
        """The header of every call."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def client_environment(self) -> dict[str, str]:
        """The variable from which Flink's client takes the headers of its calls (Flink >= 1.18)."""
        return {"FLINK_REST_CLIENT_HEADERS": f"Authorization:Bearer {self.token}"} if self.token else {}

    def client_options(self, java_home: Path, directory: Path) -> dict[str, str]:
        """The options with which Flink's client speaks TLS; its key stores are written to ``directory`` (created).

        They travel with each job, their passwords too: so these are made up here and open nothing else.
        """
        if not self.url.startswith("https:"):
            return {}
        options = {"security.ssl.rest.enabled": "true"}
        directory.mkdir(parents=True, exist_ok=True)
        password = secrets.token_hex(16)
        if self.ca:
            store = directory / "rest-trust.p12"
            _trust_store(java_home, self.ca, store, password)
            options |= {"security.ssl.rest.truststore": str(store), "security.ssl.rest.truststore-password": password}
        if self.certificate and self.key:
            store = directory / "rest-key.p12"
            _key_store(self.certificate, self.key, store, password)
            options |= {
                "security.ssl.rest.authentication-enabled": "true",
                "security.ssl.rest.keystore": str(store),
                "security.ssl.rest.keystore-password": password,
                "security.ssl.rest.key-password": password,
            }
        return options


def rest_access(url: str, environ: Mapping[str, str]) -> RestAccess:
    """The access that a user has set: the address, and the rest by variables. Raises :class:`HostError` FA421."""
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        port = None
    if not parts.hostname or not port or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise HostError(
            Problem(
                "FA421",
                "no address of a Flink cluster's REST",
                expected="http://HOST:PORT or https://HOST:PORT, and nothing behind it",
                seen="an address with a user in it" if parts.username else url,
                next_step=f"a token goes into the variable {TOKEN}, where no output shows it"
                if parts.username
                else "it is what a browser shows Flink's web UI under",
            )
        )
    token = environ.get(TOKEN, "").strip()
    if token and (len(token) < _SHORTEST_TOKEN or not token.isprintable()):
        raise HostError(
            Problem(
                "FA421",
                f"{TOKEN} is no token",
                expected=f"one line, at least {_SHORTEST_TOKEN} characters: a shorter one cannot be kept out of outputs",
            )
        )
    files = {name: _file(name, environ) for name in (CA, CERTIFICATE, KEY)}
    if bool(files[CERTIFICATE]) != bool(files[KEY]):
        raise HostError(Problem("FA421", f"{CERTIFICATE} and {KEY} go together", expected="both, or none"))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return RestAccess(f"{parts.scheme}://{host}:{port}", token, files[CA], files[CERTIFICATE], files[KEY])


def _file(name: str, environ: Mapping[str, str]) -> Path | None:
    text = environ.get(name, "")
    if text and not Path(text).is_file():
        raise HostError(Problem("FA421", f"{name} names no file", where=text, expected="the path of a PEM file"))
    return Path(text).absolute() if text else None


def _trust_store(java_home: Path, ca: Path, store: Path, password: str) -> None:
    """A key store of the certificates in a PEM file, each under its number."""
    certificates = _PEM.findall(ca.read_text(encoding="utf-8", errors="replace"))
    if not certificates:
        raise HostError(Problem("FA421", f"{CA} holds no certificate", where=str(ca), expected="PEM certificates"))
    for number, certificate in enumerate(certificates):
        one = store.with_suffix(".pem")
        one.write_text(certificate + "\n", encoding="utf-8")
        keytool = [str(java_home / "bin" / "keytool"), "-importcert", "-noprompt", "-alias", str(number)]
        keytool += ["-file", str(one), "-keystore", str(store), "-storetype", "PKCS12", "-storepass", password]
        _run(keytool, store.parent)
        one.unlink()


def _key_store(certificate: Path, key: Path, store: Path, password: str) -> None:
    """A key store of a certificate and its key. Java's own tools take no PEM key, so this needs openssl."""
    secret = store.with_suffix(".password")
    secret.touch(mode=0o600)
    secret.write_text(password + "\n", encoding="utf-8")
    openssl = ["openssl", "pkcs12", "-export", "-name", "rest", "-in", str(certificate), "-inkey", str(key)]
    try:
        _run([*openssl, "-out", str(store), "-passout", f"file:{secret}", "-passin", "pass:"], store.parent)
    finally:
        secret.unlink()


def _run(command: list[str], directory: Path) -> None:
    from flink_testbed.ownership.process import clean_environment, run_guarded

    done = run_guarded(command, env=clean_environment(), cwd=directory, timeout_s=_STORE_S)
    if done.returncode:
        raise HostError(
            Problem(
                "FA445",
                "no key store can be made of the TLS files",
                where=command[0],
                seen=f"exit code {done.returncode}",
                next_step=f"{CA}, {CERTIFICATE} and {KEY} are PEM files, the key without a password; a client's key needs openssl",
                detail=done.output[-2000:],
            )
        )
