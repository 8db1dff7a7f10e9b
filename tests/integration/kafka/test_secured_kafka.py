"""An external Kafka that demands TLS and a login, used with ``--kafka-properties``."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ScramCredentialInfo, ScramMechanism, UserScramCredentialUpsertion

from flink_testbed.core import clock
from flink_testbed.core.directories import cache_root
from flink_testbed.core.ports import LOOPBACK, lease_port
from flink_testbed.core.problem import HostError
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.kafka.security import read_security
from pytest_flink_agents.cli.main import main
from tests.support.brokers import broker_with
from tests.support.pytest_sessions import SESSION_S, make_kafka_project, start_pytest
from tests.support.tls_proxy import CERTIFICATES

pytestmark = pytest.mark.slow

_PASSWORD = "a pass\"word, it's\\right"
_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def with_second_listener(properties: str, port: int, store: Path) -> str:
    """Return a broker's properties with a listener for TLS and SCRAM beside the open one."""
    settings = dict(line.split("=", 1) for line in properties.splitlines())
    for name in ("listeners", "advertised.listeners"):
        settings[name] += f",SECURED://{LOOPBACK}:{port}"
    settings["listener.security.protocol.map"] += ",SECURED:SASL_SSL"
    settings |= {
        "sasl.enabled.mechanisms": "SCRAM-SHA-512",
        "listener.name.secured.scram-sha-512.sasl.jaas.config": _LOGIN,
        "listener.name.secured.ssl.keystore.type": "PEM",
        "listener.name.secured.ssl.keystore.location": str(store),
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[str]:
    """The address of a broker's second listener, whose only user is ``ci``."""
    lease = lease_port(cache_root() / "ports")
    store = tmp_path / "server.pem"
    store.write_text((CERTIFICATES / "server.key").read_text() + (CERTIFICATES / "server.pem").read_text())
    listening = functools.partial(with_second_listener, port=lease.port, store=store)
    with broker_with(listening, tmp_path / "kafka", run_id="another") as kafka:
        admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
        credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        user = UserScramCredentialUpsertion("ci", credential, _PASSWORD.encode())
        admin.alter_user_scram_credentials([user])["ci"].result(30)
        yield f"{LOOPBACK}:{lease.port}"
        assert kafka.topics() == frozenset(), "the session deletes its topics"
    lease.release()


def properties_file(directory: Path, password: str = _PASSWORD, authority: str = "authority.pem") -> Path:
    file = directory / "kafka.properties"
    file.write_text(
        "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.username=ci\n"
        f"sasl.password={password}\nssl.ca.location={CERTIFICATES / authority}\n"
    )
    return file


def refusal(bootstrap: str, file: Path) -> str:
    """Return the error of a session that cannot log in, which comes at once."""
    started = clock.now_s()
    kafka = RemoteKafka(bootstrap, run_id="a-test", startup_timeout_s=60, security=read_security(file))
    with pytest.raises(HostError) as caught:
        kafka.start()
    assert clock.now_s() - started < 20
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("FA453", bootstrap)
    assert "correct the file of --kafka-properties" in problem.next_step
    return problem.seen


def test_an_export_logs_in_with_the_same_file(
    secured: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").touch()
    words = ["export", "orders", "-o", "orders.jsonl", "--from=earliest", f"--kafka-bootstrap={secured}"]
    words.append("--kafka-properties=kafka.properties")
    properties_file(tmp_path)
    assert main(words) == 2
    assert "it does not exist for this user" in capsys.readouterr().err
    properties_file(tmp_path, password="another one")
    started = clock.now_s()
    assert main(words) == 2
    assert clock.now_s() - started < 20
    said = capsys.readouterr().err
    assert "FA453" in said
    assert "invalid credentials" in said
    assert "another one" not in said


def test_a_scenario_runs_at_a_broker_that_demands_tls_and_a_login(secured: str, tmp_path: Path) -> None:
    """Harness and job log in with one file. A wrong password and an unknown authority are named at once."""
    project = make_kafka_project(tmp_path / "project", nap_s=0.1)
    properties_file(project)
    run = start_pytest(project, f"--kafka-bootstrap={secured}", "--kafka-properties=kafka.properties")
    code, said = run.wait(SESSION_S), (project / "pytest.out").read_text()
    assert code == 0, said
    assert _PASSWORD not in said
    assert "invalid credentials" in refusal(secured, properties_file(tmp_path, password="another one"))
    assert "certificate verify failed" in refusal(secured, properties_file(tmp_path, authority="client.pem"))
