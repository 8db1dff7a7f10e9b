"""Address, token and TLS files of an external cluster."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.faults import FaultTarget, KillTaskManager
from flink_testbed.flink.access import RestAccess, rest_access
from flink_testbed.flink.remote import RemoteCluster

TOKEN = {"FLINK_AGENTS_TEST_REST_TOKEN": "secret-4711"}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("http://flink:8081", "http://flink:8081"),
        ("https://flink.example/", "https://flink.example:443"),
        ("http://[::1]:8081", "http://[::1]:8081"),
    ],
)
def test_an_address_without_a_port_gets_that_of_its_scheme(written: str, expected: str) -> None:
    assert rest_access(written, {}).url == expected


@pytest.mark.parametrize(
    "wrong", ["flink:8081", "ftp://flink", "http://", "http://flink:x", "http://flink/ui", "http://flink?x=1"]
)
def test_a_malformed_address_is_refused(wrong: str) -> None:
    with pytest.raises(HostError) as caught:
        rest_access(wrong, {})
    assert (caught.value.problems[0].code, caught.value.problems[0].seen) == ("FA421", wrong)


def test_a_password_in_the_address_is_refused_and_not_printed() -> None:
    with pytest.raises(HostError) as caught:
        rest_access("http://me:hunter2@flink:8081", {})
    assert "hunter2" not in str(caught.value)
    assert "FLINK_AGENTS_TEST_REST_TOKEN" in str(caught.value)


def test_the_token_is_in_the_headers_and_not_in_the_repr() -> None:
    access = rest_access("http://flink:8081", TOKEN)
    assert access.headers == {"Authorization": "Bearer secret-4711"}
    assert access.client_environment() == {"FLINK_REST_CLIENT_HEADERS": "Authorization:Bearer secret-4711"}
    assert "secret" not in repr(access)


@pytest.mark.parametrize("token", ["x-y-z", "two\nlines-of-it"])
def test_a_token_that_is_too_short_or_has_several_lines_is_refused(token: str) -> None:
    with pytest.raises(HostError, match="does not hold a valid token") as caught:
        rest_access("http://flink:8081", {"FLINK_AGENTS_TEST_REST_TOKEN": token})
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "same"),
    [("http://localhost:1", True), ("http://127.0.0.1:1", True), ("http://[::1]:1", True), ("http://flink:1", False)],
)
def test_only_a_cluster_on_loopback_shares_files(url: str, same: bool) -> None:
    remote = RemoteCluster(RestAccess(url), Path("java"), "2.2.1", run_id="r", directory=Path("kept"))
    assert (remote.shares_files, remote.worker_python) == (same, "" if same else "python3")


def test_an_external_cluster_has_no_processes_to_break() -> None:
    remote = RemoteCluster(RestAccess("http://flink:1"), Path("java"), "2.2.1", run_id="r", directory=Path("kept"))
    assert (remote.processes, remote.detach()) == (None, None)
    message = "FA440: an external cluster has no process that may be broken"
    with pytest.raises(HostError, match=message):
        remote.kill_taskmanager()
    with pytest.raises(HostError, match=message):
        KillTaskManager().inject(FaultTarget(remote, "job"))


def test_missing_files_and_a_certificate_without_a_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(HostError, match="FLINK_AGENTS_TEST_REST_CA does not name a file"):
        rest_access("https://flink", {"FLINK_AGENTS_TEST_REST_CA": str(tmp_path / "none.pem")})
    (tmp_path / "cert.pem").write_text("x")
    with pytest.raises(HostError, match="only one of"):
        rest_access("https://flink", {"FLINK_AGENTS_TEST_REST_CERT": str(tmp_path / "cert.pem")})


def test_a_client_without_tls_needs_no_options() -> None:
    assert RestAccess("http://flink:8081").client_options(Path("nowhere"), Path("nowhere")) == {}
