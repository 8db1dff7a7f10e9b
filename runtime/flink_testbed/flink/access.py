"""Address, token and TLS files of an external cluster's REST API.

The token is sent in the header ``Authorization: Bearer``, by this package's calls and by Flink's
own client, which reads it from an environment variable. Users give TLS files in the PEM format;
Flink's client needs PKCS #12 key stores, so they are converted here. Token and passwords are never
printed.
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
# Masking a shorter token in reports would also mask ordinary words.
_MIN_TOKEN = 6
_NO_STORE = Problem(
    "FA445",
    "the TLS files cannot be converted to a key store",
    next_step=f"install openssl; {CA}, {CERTIFICATE} and {KEY} must be PEM files, the key unencrypted",
)
_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RestAccess:
    """Address and credentials of a REST API.

    ``url`` is ``http(s)://HOST:PORT``; ``ca``, ``certificate`` and ``key`` are PEM files.
    """

    url: str
    token: str = field(default="", repr=False)
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_this_machine(self) -> bool:
        """True for a loopback address: such a cluster sees this machine's files."""
        host = urlsplit(self.url).hostname or ""
        return host in ("localhost", "::1") or host.startswith("127.")

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every REST call."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def client_environment(self) -> dict[str, str]:
        """Return the variable from which Flink's client reads its headers.

        Flink 1.18 and newer.
        """
        return {"FLINK_REST_CLIENT_HEADERS": f"Authorization:Bearer {self.token}"} if self.token else {}

    def client_options(self, java_home: Path, directory: Path) -> dict[str, str]:
        """Return the options of a client that uses TLS, none for HTTP.

        Writes the key stores to ``directory``, which is created. Flink sends these options along
        with each job, so the store passwords are random and protect nothing else.
        """
        if not self.url.startswith("https:"):
            return {}
        from flink_testbed.flink.key_stores import rest_options, write_own_store

        directory.mkdir(parents=True, exist_ok=True)
        password = secrets.token_hex(16)
        trusted = own = None
        if self.ca:
            trusted = directory / "rest-trust.p12"
            _write_trust_store(java_home, self.ca, trusted, password)
        if self.certificate and self.key:
            own, password_file = directory / "rest-key.p12", directory / "rest-key.password"
            password_file.touch(mode=0o600)
            password_file.write_text(password + "\n", encoding="utf-8")
            try:
                write_own_store(self.certificate, self.key, own, password_file, _NO_STORE)
            finally:
                password_file.unlink()
        return rest_options(password, trusted=trusted, own=own)


def rest_access(url: str, environ: Mapping[str, str]) -> RestAccess:
    """Return the access that the user has configured.

    ``url`` is the address; token and TLS files are in the variables of ``environ``. Raises
    :class:`HostError` FA421 for a malformed value.
    """
    parts = urlsplit(url)
    try:
        port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    except ValueError:
        port = None
    if not parts.hostname or not port or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise HostError(
            Problem(
                "FA421",
                "the address of Flink's REST API is malformed",
                expected="http://HOST:PORT or https://HOST:PORT without a path",
                seen="an address with a user name" if parts.username else url,
                next_step=f"set the variable {TOKEN} instead: it is never printed"
                if parts.username
                else "use the address of Flink's web UI in a browser",
            )
        )
    token = environ.get(TOKEN, "").strip()
    if token and (len(token) < _MIN_TOKEN or not token.isprintable()):
        raise HostError(
            Problem(
                "FA421",
                f"{TOKEN} does not hold a valid token",
                expected=f"one line of at least {_MIN_TOKEN} characters; a shorter token cannot be masked in reports",
            )
        )
    files = {name: _file(name, environ) for name in (CA, CERTIFICATE, KEY)}
    if bool(files[CERTIFICATE]) != bool(files[KEY]):
        raise HostError(Problem("FA421", f"only one of {CERTIFICATE} and {KEY} is set", expected="both or neither"))
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return RestAccess(f"{parts.scheme}://{host}:{port}", token, files[CA], files[CERTIFICATE], files[KEY])


def _file(name: str, environ: Mapping[str, str]) -> Path | None:
    text = environ.get(name, "")
    if text and not Path(text).is_file():
        raise HostError(Problem("FA421", f"{name} does not name a file", where=text, expected="the path of a PEM file"))
    return Path(text).absolute() if text else None


def _write_trust_store(java_home: Path, ca: Path, store: Path, password: str) -> None:
    """Write a key store with the certificates of a PEM file."""
    from flink_testbed.flink.key_stores import run_tool

    certificates = _PEM.findall(ca.read_text(encoding="utf-8", errors="replace"))
    if not certificates:
        raise HostError(Problem("FA421", f"{CA} contains no certificate", where=str(ca), expected="PEM certificates"))
    for number, certificate in enumerate(certificates):
        one = store.with_suffix(".pem")
        one.write_text(certificate + "\n", encoding="utf-8")
        keytool = [str(java_home / "bin" / "keytool"), "-importcert", "-noprompt", "-alias", str(number)]
        keytool += ["-file", str(one), "-keystore", str(store), "-storetype", "PKCS12", "-storepass", password]
        run_tool(keytool, _NO_STORE)
        one.unlink()
