"""The history of a run: whole, or unknown with the reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from flink_testbed.ledger import entry
from flink_testbed.ledger.entry import HistoryReader, Seen, call_seen, entry_line
from flink_testbed.ledger.ledger import LedgerRun

if TYPE_CHECKING:
    from pathlib import Path


def line(sequence: int, body: bytes = b"", **carried: str) -> bytes:
    seen = Seen("effects", "payments", "POST", "/refunds", {}, carried, body)
    return entry_line(seen, sequence=sequence, at_s=1.0, route="", status=200, fault="", replayed=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "effects.jsonl"


@pytest.mark.parametrize(
    ("lines", "written", "unknown", "calls"),
    [
        ([line(1), line(2)], 2, "", 2),
        ([], 0, "", 0),
        ([line(1), line(2)], None, "the effects ledger ended before the run", 2),
        ([line(1), line(2)[:20]], None, "the effects ledger ended before the run", 1),
        ([line(1)], 2, "the ledger wrote 2 calls, and the file has 1", 1),
        ([line(1), line(3)], 2, "call 2 is missing: the next in the file is call 3", 1),
        ([line(1), line(1)], 2, "call 2 is missing: the next in the file is call 1", 1),
        ([line(2)], 1, "call 1 is missing: the next in the file is call 2", 0),
        ([line(1), b"{\n"], 2, "line 2 of the calls cannot be read", 1),
        ([b"[]\n"], 1, "line 1 of the calls cannot be read", 0),
        ([b"{}\n"], 1, "line 1 of the calls cannot be read", 0),
    ],
)
def test_a_history_is_whole_or_unknown(
    file: Path, lines: list[bytes], written: int | None, unknown: str, calls: int
) -> None:
    file.write_bytes(b"".join(lines))
    history = HistoryReader(file).read(written)
    assert history.unknown.startswith(unknown)
    assert bool(history.unknown) == bool(unknown)
    assert len(history.entries) == calls


def test_a_missing_file_is_unknown(file: Path) -> None:
    assert "cannot be read" in HistoryReader(file).read(0).unknown


def test_headers_and_bodies_of_any_form_are_read(file: Path) -> None:
    odd = {"X-Flink-Agents-Key": "c-1", "X-Flink-Agents-Input": "two", "X-Flink-Agents-Attempt": "9" * 30}
    deep = b"[" * 100_000
    file.write_bytes(line(1, b"\xff\x00", **odd) + line(2, deep) + line(3, b"plain") + line(4, b'{"a": 1}'))
    first, second, third, fourth = HistoryReader(file).read(4).entries
    file.write_bytes(
        b"".join(line(at, b"", **{entry.ACTION: name}) for at, name in enumerate(('"pay"', "pay", "7"), 1))
    )
    assert [entry.action for entry in HistoryReader(file).read(3).entries] == ["pay", "pay", "7"]
    assert first.action is None
    assert (first.key, first.input, first.attempt, first.idempotency_key) == ("c-1", None, None, None)
    assert first.body == "\\xff\x00"
    assert [entry.body for entry in (second, third, fourth)] == [deep.decode(), "plain", {"a": 1}]


@pytest.mark.parametrize(
    ("body", "value", "is_text"),
    [
        (b"", None, False),
        (b"null", None, False),
        (b'"o-1"', "o-1", False),
        (b"o-1", "o-1", True),
        (b'{"amount": NaN}', '{"amount": NaN}', True),
        (b"-Infinity", "-Infinity", True),
        (b"\xff", "\\xff", True),
    ],
)
def test_a_body_is_json_or_text(file: Path, body: bytes, value: Any, is_text: bool) -> None:
    file.write_bytes(line(1, body))
    (call,) = HistoryReader(file).read(1).entries
    assert (call.body, call.is_text) == (value, is_text)
    sent = call_seen(Seen("effects", "payments", "POST", "/refunds", body=body))
    assert (sent.body, sent.is_text) == (value, is_text)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of the lines that were read."""
    read: list[int] = []
    decode = entry._entry

    def counted(data: Any) -> entry.EffectCall:
        read.append(data["sequence"])
        return decode(data)

    monkeypatch.setattr(entry, "_entry", counted)
    return read


def test_a_file_that_grows_is_read_on_from_the_last_look(file: Path, read: list[int]) -> None:
    reader = HistoryReader(file)
    assert "cannot be read" in reader.read(None).unknown
    file.write_bytes(line(1) + line(2)[:20])
    assert len(reader.read(None).entries) == 1
    file.write_bytes(line(1) + line(2) + line(3))
    history = reader.read(3)
    assert ([call.sequence for call in history.entries], history.unknown) == ([1, 2, 3], "")
    assert read == [1, 2, 3], "each line is read once"


def test_a_run_ends_with_the_calls_since_the_last_look(file: Path, read: list[int]) -> None:
    run = LedgerRun(1, "token", "secret", ["payments"], file, usable=lambda: True)
    file.write_bytes(line(1) + line(2))
    assert ([call.sequence for call in run.so_far().entries], run.ended) == ([1, 2], False)
    file.write_bytes(line(1) + line(2) + line(3))
    run.end(3, "")
    assert ([call.sequence for call in run.history.entries], run.history.unknown, run.ended) == ([1, 2, 3], "", True)
    assert read == [1, 2, 3], "each line is read once"
    for written, broken, unknown in [
        (3, "it broke", "it broke"),
        (4, "", "the ledger wrote 4 calls, and the file has 3"),
        (None, "", "the effects ledger ended before the run"),
    ]:
        run.end(written, broken)
        assert run.history.unknown == unknown


def test_a_broken_record_stays_broken(file: Path) -> None:
    reader = HistoryReader(file)
    file.write_bytes(line(1) + line(3))
    missing = reader.read(None).unknown
    file.write_bytes(line(1) + line(2))
    assert missing == reader.read(2).unknown == "call 2 is missing: the next in the file is call 3"
