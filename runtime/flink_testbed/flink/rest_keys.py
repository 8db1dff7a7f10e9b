"""The key of a launched cluster's REST API, for TLS with authentication of both sides.

Loopback is shared by all users of a machine, and Flink's REST API runs any jar that is uploaded.
With the same key on both sides, only who can read the key can connect: the user of the session.
One self-signed certificate is server, client and authority. Java takes the certificate of a key
store's own key for trusted, so that one store is both of Flink's stores, and only ``openssl`` is
needed to make it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flink_testbed.core.directories import make_private
from flink_testbed.core.problem import Problem
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.key_stores import rest_options, run_tool, write_own_store

# The directory in that of the cluster.
REST_KEYS = "rest-keys"
_VALID_DAYS = "30"
_NAMES = "subjectAltName=IP:127.0.0.1,IP:0:0:0:0:0:0:0:1,DNS:localhost"
# A key on a curve takes openssl no time, while the primes of RSA take a third of a second or more.
_CURVE = ("ec", "-pkeyopt", "ec_paramgen_curve:P-256")
# Flink's default cipher suites are for RSA.
_SUITES = {"security.ssl.algorithms": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"}
_NO_KEY = Problem(
    "FA445",
    "the key for Flink's REST API cannot be made",
    expected="openssl 1.1.1 or newer",
    next_step="install openssl, or run with --flink-rest-auth=off",
)


@dataclass(frozen=True, slots=True)
class RestKeys:
    """The files of a cluster's key, in a directory for their owner only."""

    directory: Path

    @classmethod
    def of(cls, cluster: Path) -> RestKeys | None:
        """Return the key of the cluster with that directory; None if its REST API needs none."""
        keys = cls(cluster / REST_KEYS)
        return keys if keys._password_file.exists() else None

    @classmethod
    def make(cls, cluster: Path) -> RestKeys:
        """Make a key for the cluster with that directory, in about a tenth of a second.

        Raises :class:`HostError` FA445 without ``openssl``.
        """
        keys = cls(make_private(cluster / REST_KEYS))
        certificate, key = keys.directory / "certificate.pem", keys.directory / "key.pem"
        command = ["openssl", "req", "-x509", "-newkey", *_CURVE, "-nodes", "-days", _VALID_DAYS]
        command += ["-keyout", str(key), "-out", str(certificate), "-subj", "/CN=flink-rest", "-addext", _NAMES]
        run_tool(command, _NO_KEY)
        # Last, as the file by which `of` recognises a whole key.
        draft = keys.directory / "draft"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(16), encoding="utf-8")
        write_own_store(certificate, key, keys._store, draft, _NO_KEY)
        draft.rename(keys._password_file)
        return keys

    @property
    def _password_file(self) -> Path:
        return self.directory / "password"

    @property
    def _store(self) -> Path:
        return self.directory / "store.p12"

    def access(self, url: str) -> RestAccess:
        """Return the access with which this package's calls and Flink's client use the key."""
        certificate = self.directory / "certificate.pem"
        return RestAccess(url, ca=certificate, certificate=certificate, key=self.directory / "key.pem")

    def options(self) -> Mapping[str, str]:
        """Return the Flink options of the cluster and of its clients.

        Flink sends them along with each job. The password protects nothing: the directory does.
        """
        password = self._password_file.read_text(encoding="utf-8")
        return {**rest_options(password, trusted=self._store, own=self._store), **_SUITES}


def browser_note(url: str) -> str:
    """Return what to append to the address of a cluster of this module's keys, empty for one without."""
    return " (no browser shows it: its key is the session's; --flink-rest-auth=off)" if url.startswith("https:") else ""
