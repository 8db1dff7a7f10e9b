"""SIGKILL of pytest at random moments leaves nothing of the session and touches nothing of others."""

from __future__ import annotations

from pathlib import Path

import pytest

from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.service import KafkaService
from flink_testbed.kafka.topic_names import topic_name
from tests.support.random_kills import STAGES, kill_at_moments, swept

pytestmark = pytest.mark.slow


@pytest.mark.usefixtures("own_cache")
def test_sigkill_at_any_moment_leaves_nothing(
    tmp_path: Path, kafka_service: KafkaService, capsys, request: pytest.FixtureRequest
) -> None:
    """Six random moments (``--soak 17``: more than a hundred), one of each stage of a session.

    Ten seconds later no process and no port is left. Half of the sessions use an external Kafka, other stages each time
    round: there their topics stay until a sweep that names it. An unrelated process in the same directory survives, as do
    topics with similar names.
    """
    strangers = [topic_name("0123456789ab", "decoy"), "strangers-flink-agents-decoy"]
    before = kafka_service.topics()
    for name in strangers:
        kafka_service.create_topic(name)
        kafka_service.produce(name, [KafkaRecord(b"k", b"v")])
    named = f"--kafka-bootstrap={kafka_service.bootstrap}"
    try:
        kill_at_moments(
            len(STAGES) * request.config.getoption("--soak"),
            tmp_path,
            # At first those from the start of the JVMs to the job, so that the sweep finds topics.
            lambda number: [named] if (number % len(STAGES) in (2, 3, 4)) != (number // len(STAGES) % 2) else [],
            at_once=2,
        )
        found = swept(capsys, named)
        kinds = {left["kind"] for left in found}
        assert ("topic" in kinds, "process" in kinds) == (True, False), found
        assert kafka_service.topics() == before | set(strangers)
        assert [len(kafka_service.read_committed(name)) for name in strangers] == [1, 1]
        assert swept(capsys, named) == []
    finally:
        for name in kafka_service.topics().intersection(strangers):
            kafka_service.delete_topic(name)
