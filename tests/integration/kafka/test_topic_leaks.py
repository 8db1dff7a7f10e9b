"""Topics that a session left on an external Kafka are deleted, or reported if they cannot be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flink_testbed.kafka.service import KafkaService
from flink_testbed.ownership.session_record import TOPICS, records
from tests.support.brokers import broker_with
from tests.support.pytest_sessions import SESSION_S, make_project, start_pytest

pytestmark = pytest.mark.slow

FORGETFUL = """
from flink_testbed.kafka.topic_names import topic_name


def test_forgets_its_topic(kafka_service):
    kafka_service.create_topic(topic_name(kafka_service.run_id, "forgotten"))
    kafka_service.create_topic("forgotten-too")
"""


@pytest.fixture
def keeps_its_topics(tmp_path: Path) -> Iterator[KafkaService]:
    """A broker that deletes no topic, a common setting."""
    with broker_with(lambda text: text + "delete.topic.enable=false\n", tmp_path / "kafka", run_id="somebody") as kafka:
        yield kafka


def finished(directory: Path, kafka: KafkaService) -> tuple[int, str]:
    """Run a session at an external Kafka with a test that forgets its topics; return exit code and output."""
    project = make_project(directory, nap_s=0.1)
    (project / "test_forgetful.py").write_text(FORGETFUL)
    run = start_pytest(project, "--flink-tier=local", f"--kafka-bootstrap={kafka.bootstrap}")
    return run.wait(SESSION_S), (project / "pytest.out").read_text()


def test_a_forgotten_topic_is_deleted_at_the_end_of_the_session(
    tmp_path: Path, kafka_service: KafkaService, own_cache: Path
) -> None:
    """Topics of others stay."""
    kafka_service.create_topic("strangers")
    before = kafka_service.topics()
    try:
        code, said = finished(tmp_path / "project", kafka_service)
        # Without Flink there is no other answer; the other reasons would be leaks.
        assert code == 10, said
        reasons = [line.strip() for line in said.splitlines() if line.startswith("  inconclusive: ")]
        assert [reason.split(": ")[1] for reason in reasons] == ["coverage"], said
        assert "left behind" not in said
        assert kafka_service.topics() == before
        assert not [record for record in records() if record.named(TOPICS)]
    finally:
        kafka_service.delete_topic("strangers")


def test_a_topic_that_cannot_be_deleted_makes_the_verdict_inconclusive(
    tmp_path: Path, keeps_its_topics: KafkaService, own_cache: Path
) -> None:
    """Each is named with Kafka's reason, and a later sweep knows the run."""
    code, said = finished(tmp_path / "project", keeps_its_topics)
    assert code == 10, said
    names = sorted(keeps_its_topics.topics())
    assert len(names) == 2
    for name in names:
        (line,) = [line for line in said.splitlines() if line.startswith(f"FA503: left behind: topic {name} ")]
        assert f"at {keeps_its_topics.bootstrap} (" in line
        assert "TOPIC_DELETION_DISABLED" in line
    (record,) = [record for record in records() if record.named(TOPICS)]
    assert record.named(TOPICS) == [keeps_its_topics.bootstrap]
    assert any(record.run_id in name for name in names)
