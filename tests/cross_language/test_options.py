"""One ``config.yaml`` as Java and Python of flink-agents 0.1.1 read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.run.cross_language import CrossLanguage

pytestmark = [pytest.mark.slow, pytest.mark.cross_language]

SOUND = """\
jobmanager.memory.process.size: 1600m
agent:
  baseLogDir: /tmp/logs
  actionStateStoreBackend: kafka
  kafkaActionStateTopicNumPartitions: 8
  shop:
    currency: EUR
    limit: 20
    rate: 0.5
    strict: true
"""


def directory(tmp_path: Path, text: str) -> Path:
    (tmp_path / "config.yaml").write_text(text)
    return tmp_path


def test_both_languages_read_the_same_options(cross_language: CrossLanguage, tmp_path: Path) -> None:
    readings = cross_language.options(directory(tmp_path, SOUND))
    assert readings.differences == ()
    assert readings.java["data"]["shop.limit"] == 20
    assert readings.java["declared"] == {
        "actionStateStoreBackend": "kafka",
        "baseLogDir": "/tmp/logs",
        "kafkaActionStateTopic": None,
        "kafkaActionStateTopicNumPartitions": 8,
        "kafkaActionStateTopicReplicationFactor": 1,
        "kafkaBootstrapServers": "localhost:9092",
    }


MISREAD = {
    "a word of YAML 1.1": ("strict: true", "strict: yes", ['$.data["shop.strict"]']),
    "a number with a leading zero": ("limit: 20", "limit: 020", ['$.data["shop.limit"]']),
    "a time of day": ("currency: EUR", "currency: 12:30:45", ['$.data["shop.currency"]']),
    "a float for an integer": (
        "NumPartitions: 8",
        "NumPartitions: 8.0",
        ["$.declared.kafkaActionStateTopicNumPartitions"],
    ),
    "a value that neither can read": ("NumPartitions: 8", "NumPartitions: eight", []),
}


@pytest.mark.parametrize("mistake", MISREAD)
def test_a_value_that_one_language_misreads_is_a_difference(
    cross_language: CrossLanguage, tmp_path: Path, mistake: str
) -> None:
    right, wrong, paths = MISREAD[mistake]
    found = cross_language.options(directory(tmp_path, SOUND.replace(right, wrong))).differences
    assert [each.path for each in found] == paths, found
