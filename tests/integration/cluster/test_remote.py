"""An external cluster, given by its address; the session's own cluster plays that part."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.access import RestAccess
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.job_owner import OWNER_PARAMETER
from flink_testbed.flink.remote import RemoteCluster
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.vocabulary import Tier
from tests.support.runs import JobRun, job_files, run
from tests.support.tls_proxy import CERTIFICATES, TlsProxy

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
TOKEN = "not-for-anybodys-eyes-4711"


@pytest.fixture
def connect(session_environment, flink_cluster: FlinkCluster, tmp_path: Path) -> Iterator[Callable[..., RemoteCluster]]:
    """Connect to an address as the remote tier does."""
    handles = []

    def make(url: str = flink_cluster.rest_url, version: str = flink_cluster.flink_version, **access: object):
        given = RestAccess(url, **access)  # type: ignore[arg-type]
        handle = RemoteCluster(
            given, session_environment.java.home, version, run_id="us", directory=tmp_path / "remote"
        )
        handles.append(handle)
        handle.connect()
        return handle

    yield make
    for handle in handles:
        handle.rest.close()


def code_of(act: Callable[[], object]) -> str:
    with pytest.raises(HostError) as caught:
        act()
    return caught.value.problems[0].code


def test_an_external_cluster_accepts_no_fault(connect, flink_cluster: FlinkCluster) -> None:
    remote = connect()
    before = remote.rest.taskmanagers()
    assert remote.processes is None
    assert code_of(remote.kill_taskmanager) == "FA440"
    flink_cluster.require_alive()
    assert remote.rest.taskmanagers() == before


def test_only_jobs_of_the_session_are_cancelled(connect, nap_as, flink_cluster: FlinkCluster) -> None:
    """``cancel()`` refuses another owner's job, and ``close()`` leaves it running."""
    remote = connect()
    ours, other = nap_as(remote.run_id), nap_as("them")
    assert (remote.is_own(ours), remote.is_own(other)) == (True, False)
    assert code_of(lambda: remote.cancel(other)) == "FA440"
    remote.close()
    assert (flink_cluster.rest.job_state(ours), flink_cluster.rest.job_state(other)) == ("CANCELED", "RUNNING")


def test_logs_of_an_external_cluster_are_read_over_rest(connect) -> None:
    remote = connect()
    logs = remote.logs.texts()
    assert any(name.startswith("jobmanager/") and " INFO  org.apache.flink." in text for name, text in logs.items())
    assert any(name.partition("/")[0] in remote.rest.taskmanagers() and text for name, text in logs.items())
    assert remote.logs.tail(2).count("--- ") >= 2


def test_another_flink_version_than_the_selected_one_is_refused(connect, flink_cluster: FlinkCluster) -> None:
    with pytest.raises(HostError) as caught:
        connect(version="2.1.3")
    problem = caught.value.problems[0]
    assert (problem.code, problem.seen) == ("FA443", flink_cluster.flink_version)
    assert f"--flink-version={flink_cluster.flink_version}" in problem.next_step


@contextmanager
def in_front(answers: Iterable[tuple[int, object]]) -> Iterator[str]:
    """Serve these replies (status, JSON) one after the other, then the last one; yield the address."""
    left = list(answers)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, content = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def test_an_unsupported_flink_version_is_refused_even_if_selected(connect) -> None:
    with in_front([(200, {"flink-version": "1.17.2", "slots-total": 1})]) as url:
        assert code_of(lambda: connect(url, "1.17.2")) == "FA410"


def test_gateway_errors_of_a_proxy_are_retried(connect, flink_cluster: FlinkCluster) -> None:
    """A proxy answers them while a JobManager restarts."""
    overview = flink_cluster.rest.overview()
    with in_front([(502, "bad gateway"), (503, "not ready"), (504, "too slow"), (200, overview)]) as url:
        assert connect(url).flink_version == flink_cluster.flink_version


TLS = {
    "ca": CERTIFICATES / "authority.pem",
    "certificate": CERTIFICATES / "client.pem",
    "key": CERTIFICATES / "client.key",
}


def test_a_missing_token_or_untrusted_certificate_fails_at_once(connect, flink_cluster: FlinkCluster) -> None:
    with TlsProxy(flink_cluster.rest_url, TOKEN) as proxy:
        for access in ({**TLS}, {**TLS, "token": "wrong-one"}, {"token": TOKEN}):
            with pytest.raises(HostError) as caught:
                connect(proxy.url, **access)
            assert caught.value.problems[0].code == "FA444"
            assert "FLINK_AGENTS_TEST_REST_" in caught.value.problems[0].next_step
            assert "wrong-one" not in str(caught.value)
        assert (proxy.passed, proxy.refused) == (0, 2)
        connect(proxy.url, token=TOKEN, **TLS)
        assert proxy.passed


def test_a_users_job_is_submitted_through_tls_with_the_sessions_owner(
    session_environment, flink_cluster: FlinkCluster, tmp_path: Path
) -> None:
    """``flink run`` uses the same connection; the program knows nothing of the owner."""
    totals = ROOT / "tests" / "support" / "jobs" / "totals.py"
    inputs = [{"key": "ada", "value": {"amount": amount}} for amount in (3, 4)]
    arguments = tuple(job_files(tmp_path).values.values())
    with TlsProxy(flink_cluster.rest_url, TOKEN) as proxy:
        remote = TestEnvironment(
            dataclasses.replace(session_environment.settings, remote=RestAccess(proxy.url, TOKEN, **TLS)),
            session_environment.release,
            (),
            run_id="us",
            directory=tmp_path / "session_environment",
            progress=lambda _: None,
        )
        evidence = run(JobRun(totals, arguments, "", {}, inputs, 120, tmp_path), remote, Tier.REMOTE)
        assert [(output.key, output.value["total"]) for output in evidence.outputs] == [("ada", 7)], evidence
        config = flink_cluster.rest.call("GET", f"/jobs/{evidence.job_id}/config")["execution-config"]
        assert config["user-config"] == {OWNER_PARAMETER: "us"}
        remote.close()


def test_the_suite_and_the_scenarios_pass_behind_tls_and_a_token(flink_cluster: FlinkCluster, tmp_path: Path) -> None:
    """The cluster suite and scenarios with a model and a YAML agent, unchanged; the token is in no output and no file."""
    with TlsProxy(flink_cluster.rest_url, TOKEN) as proxy:
        done = subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "pytest",
                    "-p",
                    "no:cacheprovider",
                    "tests/integration/cluster_suite",
                    "scenarios/quickstart.scenario.yaml",
                    "scenarios/support.scenario.yaml",
                ),
                *(f"--flink-rest-url={proxy.url}", "--flink-tier=remote"),
                *(f"--flink-version={flink_cluster.flink_version}", f"--flink-report-dir={tmp_path / 'report'}", "-rA"),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=900,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
                "FLINK_AGENTS_TEST_REST_TOKEN": TOKEN,
                "FLINK_AGENTS_TEST_REST_CA": str(TLS["ca"]),
                "FLINK_AGENTS_TEST_REST_CERT": str(TLS["certificate"]),
                "FLINK_AGENTS_TEST_REST_KEY": str(TLS["key"]),
            },
        )
        assert proxy.refused == 0
    said = done.stdout + done.stderr
    assert done.returncode == 0, said[-6000:]
    assert " failed" not in said
    assert TOKEN not in said
    written = [path for path in (tmp_path / "report").rglob("*") if path.is_file() and not path.is_symlink()]
    assert len(written) > 20
    assert not [path for path in written if TOKEN.encode() in path.read_bytes()]
    flink_cluster.require_alive()
    assert all(job.ended for job in flink_cluster.jobs())
