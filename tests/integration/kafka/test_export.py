"""Ranges of real topics, exported for scenarios: whole, or refused with the reason."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from flink_testbed.core import clock
from flink_testbed.core.clock import wait_until
from flink_testbed.core.problem import HostError
from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.service import KafkaService
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.cli.main import main
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.inputs import resolve_inputs
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs
from tests.support.upgrade_runs import copy_agents

pytestmark = pytest.mark.slow

Export = Callable[..., int]
NOON_MS = 1_764_500_400_000  # 2025-11-30T11:00:00Z
SCENARIO = """\
version: "1"
name: the next till answers the events of production as the last one did
agent: tests.support.agents.versions:NextTill
inputs:
  - {{from: orders.jsonl, key: {key}, value: value}}
compare:
  baseline: {{agent: tests.support.agents.versions:Till}}
  allow: {allow}
expect:
  outputs: {{count: {{min: 1}}}}
"""


@pytest.fixture
def export(kafka_service: KafkaService, kafka_topic: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Export:
    """Export the test's topic to ``orders.jsonl`` of a project, and return the exit code."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").touch()

    def run(*words: str, topic: str = kafka_topic, bootstrap: str = kafka_service.bootstrap) -> int:
        return main(["export", topic, "-o", "orders.jsonl", f"--kafka-bootstrap={bootstrap}", *words])

    return run


@pytest.fixture
def refusal(export: Export, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return the message of an export that writes nothing."""

    def run(*words: str, **where: str) -> str:
        assert export(*words, **where) == 2
        assert not list(tmp_path.glob("*orders*"))
        return capsys.readouterr().err

    return run


@pytest.fixture
def writer(kafka_service: KafkaService, kafka_topic: str) -> Callable[..., None]:
    """Write one record in a transaction, which the given act ends or leaves open.

    With an ``end_offset`` wait until the transaction's marker is before it: a commit or an abort returns when the
    coordinator has it, and the marker comes a moment later.
    """
    producer = Producer({"bootstrap.servers": kafka_service.bootstrap, "transactional.id": f"{kafka_topic}-writer"})
    producer.init_transactions(30)

    def write(
        end: Callable[[Producer], object], value: bytes = b'{"customer": "ada"}', *, end_offset: int | None = None
    ) -> None:
        producer.begin_transaction()
        producer.produce(kafka_topic, value, b"ada", partition=0)
        assert producer.flush(30) == 0
        end(producer)

        def marked() -> tuple[bool | None, str]:
            seen = kafka_service.end_offsets(kafka_topic)[0]
            return (end_offset in (None, seen) or None), f"end offset {seen}"

        wait_until(marked, what="the marker", timeout_s=30)

    return write


def order(customer: str, **fields: object) -> KafkaRecord:
    value = json.dumps({"customer": customer, **({"note": fields.pop("note")} if "note" in fields else {})})
    return KafkaRecord(customer.encode(), value.encode(), **fields)  # type: ignore[arg-type]


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "orders.jsonl").read_text(encoding="utf-8").splitlines()]


def compared(folder: Path, request: pytest.FixtureRequest, allow: list[str], name: str) -> CheckedRun:
    (folder / "till.scenario.yaml").write_text(SCENARIO.format(key="key", allow=json.dumps(allow)), encoding="utf-8")
    (loaded,) = load_file(folder / "till.scenario.yaml", Project(folder))
    return scenario_runs.checked(request, loaded, Tier.LOCAL, folder / name)


@pytest.mark.parametrize("kafka_topic", [3], indirect=True)
def test_two_versions_are_compared_over_a_range_of_a_topic(
    export: Export,
    kafka_service: KafkaService,
    kafka_topic: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """From the records of half an hour to the difference of each key; a second export of the same offsets is the same."""
    kafka_service.produce(
        kafka_topic,
        [
            order(f"c-{number % 7}", timestamp_ms=NOON_MS + number * 60_000, note="sk-0123456789abcdefghij")
            for number in range(60)
        ],
    )
    assert export("--from=2025-11-30T11:10:00Z", "--to=2025-11-30T12:40:00+01:00") == 0
    said = capsys.readouterr()
    first = (tmp_path / "orders.jsonl").read_bytes()
    found = lines(tmp_path)
    assert [line["timestamp_ms"] for line in found] == [NOON_MS + number * 60_000 for number in range(10, 40)]
    assert {str(line["key"]) for line in found} == {f"c-{number}" for number in range(7)}
    assert {json.dumps(line["value"]) for line in found if line["key"] == "c-1"} == {
        '{"customer": "c-1", "note": "***"}'
    }
    assert "30 records of topic" in said.out
    assert "2025-11-30T11:10:00.000Z to 2025-11-30T11:39:00.000Z" in said.out
    again = shlex.split(said.out.partition("again: ")[2])
    assert main([*again[1:], "-o", "orders.jsonl", "--force"]) == 0
    assert (tmp_path / "orders.jsonl").read_bytes() == first
    copy_agents(tmp_path)
    rules = ["outputs[*].value.version", "events[*].attributes.version", "memory.account"]
    same = compared(tmp_path, request, rules, "same")
    assert same.validity is Validity.VALID, same.text
    assert len(same.evidence.outputs) == 30
    other = compared(tmp_path, request, rules[1:], "other")
    assert other.validity is Validity.INVALID
    assert other.comparison is not None
    assert {(row.key, row.place) for row in other.comparison.rows} == {(f'"c-{n}"', "version") for n in range(7)}


def test_only_committed_records_are_exported(
    export: Export,
    refusal: Callable[..., str],
    writer: Callable[..., None],
    kafka_service: KafkaService,
    kafka_topic: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Aborted ones are counted; an open transaction inside a stated range refuses it, since it may still be committed."""
    writer(lambda producer: producer.abort_transaction(30), b'{"customer": "nobody"}', end_offset=2)
    empty = refusal("--from=earliest", "--to=0:2")
    assert "FA459: the range has no record" in empty
    assert "2 offsets without one: aborted" in empty
    writer(lambda producer: producer.commit_transaction(30), end_offset=4)
    writer(lambda producer: None, b'{"customer": "open"}')
    stated = refusal("--from=earliest", "--to=0:5")
    assert "FA459: partition 0 has an open transaction" in stated
    assert "one from offset 4 on" in stated
    assert export("--from=earliest") == 0
    assert [line["value"] for line in lines(tmp_path)] == [{"customer": "ada"}]
    assert "offsets 0 to 3, 1 record, 3 offsets without one" in capsys.readouterr().out


def test_what_retention_has_cut_is_refused_or_left_out_by_name(
    export: Export, refusal: Callable[..., str], kafka_service: KafkaService, kafka_topic: str, tmp_path: Path
) -> None:
    kafka_service.produce(kafka_topic, [order("ada", timestamp_ms=NOON_MS + number) for number in range(10)])
    admin = AdminClient({"bootstrap.servers": kafka_service.bootstrap})
    (deleted,) = admin.delete_records([TopicPartition(kafka_topic, 0, 4)]).values()
    deleted.result(30)
    started = clock.now_s()
    with pytest.raises(HostError, match=r"FA455: topic .* cannot be read"):
        list(kafka_service.records(kafka_topic, {0: 2}, {0: 10}))
    assert clock.now_s() - started < 20, "the offsets do not come back"
    by_offset = refusal("--from=0:2")
    assert "the records of partition 0 from offset 2 on are gone" in by_offset
    assert "partition 0 has offsets 4 to 10" in by_offset
    by_time = refusal("--from=2025-11-30T11:00:00Z")
    assert "records of partition 0 may be gone" in by_time
    assert "all records from 2025-11-30T11:00:00.000Z on" in by_time
    assert "begin later, or leave them out on purpose: --from 0:4" in by_time
    assert export("--from=2025-11-30T11:00:00Z", "--from=0:4") == 0
    assert [line["offset"] for line in lines(tmp_path)] == [4, 5, 6, 7, 8, 9]
    assert export("--from=earliest", "--force") == 0
    assert len(lines(tmp_path)) == 6
    assert export("--from=2025-11-30T11:00:00.006Z", "--force") == 0
    assert [line["offset"] for line in lines(tmp_path)] == [6, 7, 8, 9]


def test_a_range_that_is_not_there_is_refused(
    refusal: Callable[..., str], kafka_service: KafkaService, kafka_topic: str
) -> None:
    kafka_service.produce(kafka_topic, [order("ada"), order("bob")])
    assert "it does not exist for this user" in refusal("--from=earliest", topic="orders-of-nobody")
    assert "orders-of-nobody" not in kafka_service.topics()
    assert "the range is empty" in refusal("--from=0:2")
    assert "the range is empty" in refusal("--from=2100-01-01T00:00:00Z")
    assert "partition 0 ends earlier" in refusal("--from=0:0", "--to=0:3")
    both = refusal("--from=7:0", "--to=0:1")
    assert "the topic has no partition 7" in both
    assert "partition 0 has no beginning" in both


def test_more_than_the_limit_is_refused(
    export: Export, refusal: Callable[..., str], kafka_service: KafkaService, kafka_topic: str, tmp_path: Path
) -> None:
    kafka_service.produce(kafka_topic, [order("ada", note="x" * 900_000) for _ in range(80)])
    assert "at most 69 records" in refusal("--from=earliest", "--to=0:70", "--max-records=69")
    assert "at most 64 MiB of lines" in refusal("--from=earliest")
    assert export("--from=earliest", "--to=0:70", "--max-records=70") == 0
    assert len(lines(tmp_path)) == 70


def test_a_record_that_no_scenario_could_read_is_named(
    export: Export, refusal: Callable[..., str], kafka_service: KafkaService, kafka_topic: str, tmp_path: Path
) -> None:
    values = [b'{"customer": "ada"}', b"tea, please", b"\0\0\0\0\x07avro", b"\xff", b'{"a": 1, "a": 2}', b"[" * 40]
    kafka_service.produce(kafka_topic, [KafkaRecord(b"\xfe", value) for value in values])

    def message(offset: int, *words: str) -> str:
        said = refusal(f"--from=0:{offset}", f"--to=0:{offset + 1}", *words)
        assert f"topic {kafka_topic}, partition 0, offset {offset}: FA459" in said
        return said

    assert "the key of the record is not UTF-8 text" in message(0)
    assert "--key-format=none leaves keys out" in message(0)
    assert "--value-format=text takes it as text" in message(1, "--key-format=none")
    assert "decode the records by a program" in message(2, "--key-format=none")
    assert "decode the records by a program" in message(3, "--key-format=none", "--value-format=text")
    assert 'the key "a" occurs twice' in message(4, "--key-format=none")
    assert "the value of the record is not JSON" in message(5, "--key-format=none")
    assert export("--from=0:1", "--to=0:2", "--key-format=none", "--value-format=text") == 0
    assert [(line["key"], line["value"]) for line in lines(tmp_path)] == [(None, "tea, please")]


def test_records_without_key_or_value_are_counted_and_a_scenario_that_needs_them_names_the_line(
    export: Export,
    kafka_service: KafkaService,
    kafka_topic: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    records = [order("ada"), KafkaRecord(None, b'{"customer": "bob"}'), KafkaRecord(b"ada", None)]
    kafka_service.produce(kafka_topic, records)
    assert export("--from=earliest") == 0
    assert "3 records, 1 without a key, 1 without a value" in capsys.readouterr().out
    copy_agents(tmp_path)

    def inputs(key: str) -> list[dict[str, object]]:
        text = SCENARIO.format(key=key, allow="[]")
        (tmp_path / "till.scenario.yaml").write_text(text, encoding="utf-8")
        (loaded,) = load_file(tmp_path / "till.scenario.yaml", Project(tmp_path))
        return list(resolve_inputs(loaded, [tmp_path]))

    with pytest.raises(ScenarioError) as caught:
        inputs("key")
    assert [(problem.where, problem.message) for problem in caught.value.problems] == [
        ("orders.jsonl:2:1", "nothing at key"),
        ("orders.jsonl:3:1", "nothing at value"),
    ]
    assert [one["key"] for one in inputs("value.customer, where: value")] == ["ada", "bob"]


def test_a_broker_that_does_not_answer_is_reported_at_the_deadline(refusal: Callable[..., str]) -> None:
    started = clock.now_s()
    said = refusal("--from=earliest", "--timeout=1", bootstrap="127.0.0.1:1")
    assert clock.now_s() - started < 25
    assert "FA453" in said
    assert "Connection refused" in said
