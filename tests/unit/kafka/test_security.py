"""The properties file of an external Kafka, for both kinds of clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.kafka.security import read_security

_SASL = "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nsasl.username=ci\n"


def _file(directory: Path, text: str) -> Path:
    file = directory / "kafka.properties"
    file.write_text(text)
    return file


def test_certificates_and_logins_reach_both_kinds_of_clients(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").write_text(f"PEM of {name}")
    text = _SASL + 'sasl.password = a"b\\c=d\n# a remark\nssl.ca.location=ca.pem\nssl.certificate.location=cert.pem\n'
    found = read_security(_file(tmp_path, text + "ssl.key.location=key.pem\nssl.key.password=k-pass\n"))
    assert found.client["sasl.password"] == 'a"b\\c=d'
    assert found.client["ssl.ca.location"] == str(tmp_path / "ca.pem")
    assert found.job == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": "org.apache.flink.kafka.shaded.org.apache.kafka.common.security.scram.ScramLoginModule required "
        'username="ci" password="a\\"b\\\\c=d";',
        "ssl.truststore.type": "PEM",
        "ssl.truststore.certificates": "PEM of ca",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.certificate.chain": "PEM of cert",
        "ssl.keystore.key": "PEM of key",
        "ssl.key.password": "k-pass",
    }
    assert found.secrets == ('a"b\\c=d', "k-pass")
    assert "c=d" not in repr(found)


def test_the_client_of_an_external_kafka_logs_in(tmp_path: Path) -> None:
    security = read_security(_file(tmp_path, _SASL + "sasl.password=s3cret\n"))
    kafka = RemoteKafka("kafka.example:9093", run_id="r", startup_timeout_s=1, security=security)
    config = kafka._client_config()
    assert config["sasl.username"] == "ci"
    assert config["bootstrap.servers"] == "kafka.example:9093"
    assert kafka.job_properties == security.job


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "security.protocl=SSL\n",
            r"kafka\.properties:1: FA421: unknown property.*\n(.*\n)*.*did you mean security.protocol\?",
        ),
        ("security.protocol=TLS\n", "security.protocol is missing or unknown"),
        ("sasl.username=ci\n", "security.protocol is missing or unknown"),
        (_SASL, "SASL_SSL needs sasl.password"),
        (_SASL.replace("SCRAM-SHA-512", "GSSAPI") + "sasl.password=s3cret\n", "unknown sasl.mechanism"),
        (
            "security.protocol=SSL\nssl.ca.location=absent.pem\n",
            r"kafka\.properties:2: FA421: ssl.ca.location names no file",
        ),
        ("security.protocol=SSL\nsasl.password\n", "kafka.properties:2: FA421: not a property"),
    ],
)
def test_a_wrong_file_is_refused_without_its_values(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(HostError, match=message) as raised:
        read_security(_file(tmp_path, text))
    assert "s3cret" not in str(raised.value)
