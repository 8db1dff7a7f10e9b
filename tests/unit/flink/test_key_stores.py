"""The options and the tools of Flink's key stores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink import key_stores
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.rest_keys import RestKeys

REST = "security.ssl.rest"
PEM = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands of openssl and keytool, which succeed and do nothing."""
    found: list[list[str]] = []

    def run(command: Sequence[str], **_: Any) -> SimpleNamespace:
        found.append(list(command))
        passwords = [Path(word.removeprefix("file:")) for word in command if word.startswith("file:")]
        assert all(path.stat().st_mode & 0o777 == 0o600 for path in passwords), "for their owner only"
        return SimpleNamespace(returncode=0, output="")

    monkeypatch.setattr(key_stores, "run_guarded", run)
    return found


def test_a_clusters_own_key_is_both_of_its_stores(tmp_path: Path, commands: list[list[str]]) -> None:
    assert RestKeys.of(tmp_path) is None
    options = RestKeys.make(tmp_path).options()
    keys = RestKeys.of(tmp_path)
    assert keys
    assert options == keys.options()
    store = str(tmp_path / "rest-keys" / "store.p12")
    assert (options[f"{REST}.keystore"], options[f"{REST}.truststore"]) == (store, store)
    assert (options[f"{REST}.enabled"], options[f"{REST}.authentication-enabled"]) == ("true", "true")
    assert options[f"{REST}.keystore-password"] == options[f"{REST}.truststore-password"]
    assert [command[:2] for command in commands] == [["openssl", "req"], ["openssl", "pkcs12"]]
    access = keys.access("https://127.0.0.1:1")
    assert (access.ca, access.certificate) == (keys.directory / "certificate.pem", keys.directory / "certificate.pem")


def test_a_users_files_become_two_stores(tmp_path: Path, commands: list[list[str]]) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_text(PEM * 2)
    access = RestAccess("https://flink:1", ca=ca, certificate=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    options = access.client_options(Path("/java"), tmp_path / "stores")
    assert options[f"{REST}.truststore"] == str(tmp_path / "stores" / "rest-trust.p12")
    assert options[f"{REST}.keystore"] == str(tmp_path / "stores" / "rest-key.p12")
    assert [command[0] for command in commands] == ["/java/bin/keytool", "/java/bin/keytool", "openssl"]
    assert list((tmp_path / "stores").iterdir()) == [], "neither the password nor a certificate stays"
    trusting = RestAccess("https://flink:1", ca=ca).client_options(Path("/java"), tmp_path / "stores")
    assert f"{REST}.authentication-enabled" not in trusting


def test_a_tool_that_fails_is_an_error_with_its_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_stores, "run_guarded", lambda *_, **__: SimpleNamespace(returncode=3, output="no such key"))
    with pytest.raises(HostError) as caught:
        RestKeys.make(tmp_path)
    (problem,) = caught.value.problems
    assert (problem.code, problem.where, problem.seen, problem.detail) == (
        "FA445",
        "openssl",
        "exit code 3",
        "no such key",
    )
    assert "--flink-rest-auth=off" in problem.next_step
    assert RestKeys.of(tmp_path) is None
