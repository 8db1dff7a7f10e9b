"""What a user sets to reach a cluster that is not ours."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.access import RestAccess, rest_access
from flink_testbed.flink.remote import RemoteCluster

TOKEN = {"FLINK_AGENTS_TEST_REST_TOKEN": "secret-4711"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://flink:8081", "http://flink:8081"),
        ("https://flink.example/", "https://flink.example:443"),
        ("http://[::1]:8081", "http://[::1]:8081"),
    ],
)
def test_an_address_is_told_with_its_port(written: str, meant: str) -> None:
    """The port of the scheme where none is written; Flink's client wants it."""
    assert rest_access(written, {}).url == meant


@pytest.mark.parametrize(
    "wrong", ["flink:8081", "ftp://flink", "http://", "http://flink:x", "http://flink/ui", "http://flink?x=1"]
)
def test_what_is_no_address_is_refused(wrong: str) -> None:
    """FA421, with what was written and what is wanted."""
    with pytest.raises(HostError) as caught:
        rest_access(wrong, {})
    assert (caught.value.problems[0].code, caught.value.problems[0].seen) == ("FA421", wrong)


def test_a_password_in_the_address_is_refused_and_not_repeated() -> None:
    """It would stand in every report."""
    with pytest.raises(HostError) as caught:
        rest_access("http://me:hunter2@flink:8081", {})
    assert "hunter2" not in str(caught.value)
    assert "FLINK_AGENTS_TEST_REST_TOKEN" in str(caught.value)


def test_the_token_is_in_the_headers_and_in_no_text() -> None:
    """Our calls and Flink's client carry it; repr() does not."""
    access = rest_access("http://flink:8081", TOKEN)
    assert access.headers == {"Authorization": "Bearer secret-4711"}
    assert access.client_environment() == {"FLINK_REST_CLIENT_HEADERS": "Authorization:Bearer secret-4711"}
    assert "secret" not in repr(access)


@pytest.mark.parametrize("token", ["x-y-z", "two\nlines-of-it"])
def test_a_token_that_could_not_be_masked_is_refused(token: str) -> None:
    """Too short, or of several lines, which would be further headers."""
    with pytest.raises(HostError, match="does not hold a valid token") as caught:
        rest_access("http://flink:8081", {"FLINK_AGENTS_TEST_REST_TOKEN": token})
    assert token not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "same"),
    [("http://localhost:1", True), ("http://127.0.0.1:1", True), ("http://[::1]:1", True), ("http://flink:1", False)],
)
def test_only_this_machine_shares_our_files(url: str, same: bool) -> None:
    """To a cluster elsewhere code travels with the job, and its workers have an interpreter of their own."""
    remote = RemoteCluster(RestAccess(url), Path("java"), "2.2.1", run_id="r", directory=Path("kept"))
    assert (remote.shares_files, remote.worker_python) == (same, "" if same else "python3")


def test_an_external_cluster_has_no_processes_to_break() -> None:
    remote = RemoteCluster(RestAccess("http://flink:1"), Path("java"), "2.2.1", run_id="r", directory=Path("kept"))
    assert (remote.processes, remote.detach()) == (None, None)
    with pytest.raises(HostError, match="FA440"):
        remote.kill_taskmanager()


def test_files_must_be_there_and_a_certificate_has_a_key(tmp_path: Path) -> None:
    """A name that leads nowhere is told by its variable; half a pair is refused."""
    with pytest.raises(HostError, match="FLINK_AGENTS_TEST_REST_CA does not name a file"):
        rest_access("https://flink", {"FLINK_AGENTS_TEST_REST_CA": str(tmp_path / "none.pem")})
    (tmp_path / "cert.pem").write_text("x")
    with pytest.raises(HostError, match="only one of"):
        rest_access("https://flink", {"FLINK_AGENTS_TEST_REST_CERT": str(tmp_path / "cert.pem")})


def test_without_tls_the_client_needs_no_options() -> None:
    """No key store is made where none is wanted."""
    assert RestAccess("http://flink:8081").client_options(Path("nowhere"), Path("nowhere")) == {}
