"""The words, ranges and lines of the command ``export``, without a broker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.kafka.record import KafkaRecord
from pytest_flink_agents.cli.export.bounds import Bound, Offsets, as_time, bound_of, range_of
from pytest_flink_agents.cli.export.lines import Lines
from pytest_flink_agents.cli.main import main
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.scenario.json_lines import LINE_BYTES

EIGHT_MS = 1_764_489_600_000  # 2025-11-30T08:00:00Z
EARLIEST, AT_EIGHT = Bound(is_earliest=True), Bound(time_ms=EIGHT_MS)
NOW = Bound()
# Partition 1 after retention has deleted all of its records.
EMPTIED = {"begins": {0: 0, 1: 9}, "committed": {0: 10, 1: 9}}


def test_the_ends_of_a_range_are_times_offsets_or_earliest() -> None:
    assert bound_of(["2025-11-30T08:00:00Z"]) == AT_EIGHT == bound_of(["2025-11-30T09:00:00+01:00"])
    assert bound_of(["2025-11-30T08:00:00.250Z", "3:17"]) == Bound({3: 17}, EIGHT_MS + 250)
    assert bound_of(["earliest", "0:4", "1:0"]) == Bound({0: 4, 1: 0}, is_earliest=True)
    assert bound_of([]) == NOW
    assert bound_of([as_time(EIGHT_MS)]) == AT_EIGHT
    assert as_time(-1) == "1969-12-31T23:59:59.999Z"
    assert as_time(2**62) == f"{2**62} ms after 1970"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["2025-11-30T08:00:00"], "has no zone"),
        (["yesterday"], "yesterday is neither a time"),
        (["0:-1"], "0:-1 is neither"),
        (["0:1", "0:2"], "partition 0 has two offsets"),
        (["earliest", "2025-11-30T08:00:00Z"], "give one time"),
    ],
)
def test_other_words_are_refused(words: list[str], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        bound_of(words)


def offsets(**changed: dict[int, int]) -> Offsets:
    return Offsets(**({"begins": {0: 0, 1: 5}, "committed": {0: 10, 1: 8}, "ends": {0: 10, 1: 9}} | changed))


@pytest.mark.parametrize(
    ("first", "last", "changed", "begins", "ends"),
    [
        (EARLIEST, NOW, {}, {0: 0, 1: 5}, {0: 10, 1: 8}),
        (Bound({0: 3, 1: 6}), Bound({0: 7}), {}, {0: 3, 1: 6}, {0: 7, 1: 8}),
        (AT_EIGHT, NOW, {"first": {0: 0, 1: 6}}, {0: 0, 1: 6}, {0: 10, 1: 8}),
        (
            AT_EIGHT,
            Bound(time_ms=EIGHT_MS + 1),
            {"first": {0: 2, 1: 6}, "last": {0: 4, 1: 6}},
            {0: 2, 1: 6},
            {0: 4, 1: 6},
        ),
        (Bound({1: 5}, EIGHT_MS), NOW, {"first": {0: 2, 1: 5}}, {0: 2, 1: 5}, {0: 10, 1: 8}),
        (AT_EIGHT, NOW, {"first": {0: 2, 1: 9}}, {0: 2, 1: 8}, {0: 10, 1: 8}),
    ],
    ids=["all", "offsets", "time", "two times", "time and offset", "nothing committed of that time"],
)
def test_a_range_that_is_whole_has_offsets(first, last, changed, begins, ends) -> None:
    assert range_of("orders", first, last, offsets(**changed)) == (begins, ends)


@pytest.mark.parametrize(
    ("first", "last", "changed", "reasons"),
    [
        (Bound({0: 3}), NOW, {}, ["partition 1 has no beginning"]),
        (Bound({0: 3, 1: 4}), NOW, {}, ["the records of partition 1 from offset 4 on are gone"]),
        (AT_EIGHT, NOW, {"first": {0: 0, 1: 5}}, ["records of partition 1 may be gone"]),
        (AT_EIGHT, NOW, {"first": {0: 0, 1: 9}} | EMPTIED, ["records of partition 1 may be gone"]),
        (EARLIEST, Bound({1: 9}), {}, ["partition 1 has an open transaction"]),
        (EARLIEST, Bound(time_ms=EIGHT_MS), {"last": {0: 4, 1: 9}}, ["partition 1 has an open transaction"]),
        (EARLIEST, Bound({0: 11}), {}, ["partition 0 ends earlier"]),
        (Bound({0: 11}, is_earliest=True), NOW, {}, ["partition 0 ends before it begins"]),
        (EARLIEST, Bound({0: 0, 1: 5}), {}, ["the range is empty"]),
        (EARLIEST, Bound({2: 1}), {}, ["the topic has no partition 2"]),
        (
            Bound({0: 9, 1: 4}),
            Bound({0: 8, 1: 10}),
            {},
            ["partition 0 ends before", "the records of", "partition 1 ends"],
        ),
    ],
)
def test_a_range_that_lacks_records_is_refused(first, last, changed, reasons) -> None:
    with pytest.raises(HostError) as caught:
        range_of("orders", first, last, offsets(**changed))
    messages = [problem.message for problem in caught.value.problems]
    assert [message[: len(reason)] for message, reason in zip(messages, reasons, strict=True)] == reasons
    assert {(problem.code, problem.where) for problem in caught.value.problems} == {("FA459", "topic orders")}


def test_a_line_has_the_place_of_its_record_and_no_secret() -> None:
    lines = Lines("orders", "json", "json", Redactor({"PAY_TOKEN": "hush-hush"}))
    record = KafkaRecord(
        b"7", b'{"note": "hush-hush\\n", "amount": 1.50}', partition=2, offset=17, timestamp_ms=EIGHT_MS
    )
    line = lines.line(record)
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "topic": "orders",
        "partition": 2,
        "offset": 17,
        "timestamp_ms": EIGHT_MS,
        "key": 7,
        "value": {"note": "***\n", "amount": 1.5},
    }


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"[" * 32 + b"]" * 32, "no scenario can read the record"),
        (b'"' + b"x" * LINE_BYTES + b'"', "the record is too long"),
        (b"NaN", "the value of the record is not JSON"),
        (b"[" * 100_000, "the value of the record is not JSON"),
    ],
)
def test_a_record_that_the_loader_would_refuse_is_refused(value: bytes, reason: str) -> None:
    with pytest.raises(HostError) as caught:
        Lines("orders", "text", "json", Redactor({})).line(KafkaRecord(b"k", value, partition=0, offset=3))
    (problem,) = caught.value.problems
    assert problem.where == "topic orders, partition 0, offset 3"
    assert problem.message == reason


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--from=0:0", "--to=earliest"], "earliest is no end"),
        (["--from=0:0", "--to=2100-01-01T00:00:00Z"], "--to is in the future"),
        (["--from=2025-11-30T08:00:00Z", "--to=2025-11-30T08:00:00Z"], "--to is not after --from"),
        (["--from=soon"], "soon is neither"),
        (["--from=0:0", "--max-records=0"], "--max-records"),
        (["--from=0:0", "--timeout=0"], "--timeout"),
        ([], "--from"),
    ],
)
def test_wrong_words_end_before_anything_is_read(
    words: list[str], reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["export", "orders", "-o", str(tmp_path / "orders.jsonl"), *words])
    assert caught.value.code == 2
    assert reason in capsys.readouterr().err


def test_an_existing_file_stays_and_a_broker_has_to_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytest.ini").touch()
    (tmp_path / "orders.jsonl").write_text("mine\n")
    assert main(["export", "orders", "-o", "orders.jsonl", "--from=0:0"]) == 2
    assert "orders.jsonl exists and was left as it is: --force replaces it" in capsys.readouterr().err
    assert main(["export", "orders", "-o", "orders.jsonl", "--from=0:0", "--force"]) == 2
    assert "add --kafka-bootstrap=HOST:PORT" in capsys.readouterr().err
    assert (tmp_path / "orders.jsonl").read_text() == "mine\n"
