"""Event logs of several releases, read into one form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_flink_agents.evidence import event_log
from pytest_flink_agents.evidence.event_log import normalised, read_event_logs
from pytest_flink_agents.evidence.model import Event

INPUTS: list[dict[str, Any]] = [{"key": "ada", "value": 1}, {"key": 7, "value": 2}]


def of_0_1(name: str, text: str, number: int) -> dict[str, Any]:
    return {
        "context": {"eventType": "org.apache.flink.agents.runtime.python.event.PythonEvent", "timestamp": "t"},
        "event": {"id": "1", "attributes": {}, "eventType": name, "eventString": text, "sourceTimestamp": number},
    }


def test_a_python_event_of_0_1_is_read_from_its_text() -> None:
    record = of_0_1("flink_agents.api.events.event.InputEvent", "id=UUID('5b') input={'item': 'tea', 'n': 1}", 1)
    event = normalised(record, INPUTS)
    assert (event.type, event.attributes) == ("_input_event", {"input": {"item": "tea", "n": 1}})
    assert (event.key, event.timestamp) == (7, "t")


def test_a_java_event_of_0_1_is_read_from_its_fields() -> None:
    event = {"id": "1", "attributes": {"a": 1}, "input": {"item": "tea"}, "sourceTimestamp": 1}
    record = {"context": {"eventType": "org.apache.flink.agents.api.InputEvent", "timestamp": "t"}, "event": event}
    read = normalised(record, INPUTS)
    assert (read.type, read.attributes) == ("_input_event", {"input": {"item": "tea"}, "a": 1})
    assert (read.key, read.input) == (7, 1)
    own = {**record, "context": {"eventType": "shop.TotalsAgent$Booked"}}
    assert normalised(own, INPUTS).type == "shop.TotalsAgent$Booked"


def test_texts_that_look_like_fields_stay_in_their_value() -> None:
    record = of_0_1("shop.Booked", "id=UUID('5b') note=\"it's x=1 y='2' \" total=3 item=Item(name='a b', n=1)", 0)
    event = normalised(record, INPUTS)
    assert event.type == "shop.Booked"
    assert event.attributes == {"note": "it's x=1 y='2' ", "total": 3, "item": "Item(name='a b', n=1)"}


def test_tool_calls_of_0_1_are_read_with_their_ids() -> None:
    text = (
        "id=UUID('5b') model='m' tool_calls=[{'id': UUID('49'), 'function': {'name': 'note', 'arguments': {'at': 1}}}]"
    )
    event = normalised(of_0_1("flink_agents.api.events.tool_event.ToolRequestEvent", text, 0), INPUTS)
    assert event.attributes == {
        "model": "m",
        "tool_calls": [{"id": "49", "function": {"name": "note", "arguments": {"at": 1}}}],
    }


def test_what_only_looks_like_an_id_stays_text() -> None:
    text = "note=\"UUID('5b')\" other=UUID('5b', 1) call=f('5b')"
    event = normalised(of_0_1("shop.Booked", text, 0), INPUTS)
    assert event.attributes == {"note": "UUID('5b')", "other": "UUID('5b', 1)", "call": "f('5b')"}


def test_a_record_of_0_3_keeps_its_own_key(tmp_path: Path) -> None:
    records = [
        {"eventType": "_input_event", "key": "own", "event": {"attributes": {"input": 1}, "sourceTimestamp": 1}},
        {"eventType": "_input_event", "event": {"attributes": {"input": 1}, "sourceTimestamp": 0}},
        {"eventType": "_input_event", "event": {"attributes": {"input": 1}, "sourceTimestamp": 9}},
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "events-1.log").write_text(lines + '{"cut": ')
    assert [event.key for event in read_event_logs(tmp_path, INPUTS).events] == ["own", "ada", None]


FLAT = {
    "timestamp": "t",
    "logLevel": "VERBOSE",
    "businessKey": "ada",
    "eventId": "e-1",
    "eventType": "booked",
    "upstreamEventId": "e-0",
    "upstreamActionName": "book",
    "eventAttributes": {"total": 3},
}


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (FLAT, Event("booked", {"total": 3}, "ada", "t")),
        (
            {"timestamp": "t", "eventType": "_execution_reused_event", "entityType": "action", "status": "reused"},
            Event("_execution_reused_event", {}, None, "t"),
        ),
        (
            {"timestamp": "t", "entityType": "event", "entityName": "booked", "attributes": {"total": 3}},
            Event("booked", {"total": 3}, None, "t"),
        ),
        (
            {"timestamp": "t", "entityType": "tool", "entityName": "pay", "status": "failed", "attributes": {"e": 1}},
            Event("_execution_failed_event", {"e": 1}, None, "t"),
        ),
        (
            {"timestamp": "t", "entityType": "tool", "entityName": "pay", "status": "created", "businessKey": "ada"},
            Event("_execution_created_event", {}, "ada", "t"),
        ),
    ],
    ids=["flat", "flat lifecycle", "trace", "trace lifecycle", "trace creation"],
)
def test_the_keys_of_a_record_show_its_format(record: dict[str, Any], expected: Event) -> None:
    assert normalised(record) == expected


@pytest.mark.parametrize("indent", [None, 2])
def test_an_incomplete_record_is_left_out(tmp_path: Path, indent: int | None) -> None:

    def text(name: str) -> str:
        return json.dumps(
            {"timestamp": "t", "eventType": name, "event": {"attributes": {"deep": [{"a": 1}]}}}, indent=indent
        )

    half = text("half")[:-20]
    (tmp_path / "events-1.log").write_text(f"{text('a')}\n{half}\n{text('b')}\n{half}")
    (tmp_path / "taskmanager.log.event-log.log").write_text(f"{text('c')}\n{half}{text('d')}\nno record\n{text('e')}\n")
    (tmp_path / "traces-1.log").write_text(text("f"))
    (tmp_path / "other.log").write_text(text("g"))
    found = [event.type for event in read_event_logs(tmp_path).events]
    # A pretty record glued to a half one cannot be told from something inside it.
    assert found == (["a", "b", "c", "d", "e", "f"] if indent is None else ["a", "b", "c", "e", "f"])
    assert read_event_logs(tmp_path).events[0].attributes == {"deep": [{"a": 1}]}


def test_events_beyond_the_limit_are_not_read_and_the_log_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [json.dumps({"timestamp": "t", "eventType": name, "event": {}}) + "\n" for name in "ab"]
    for name, line in zip("12", lines, strict=True):
        (tmp_path / f"events-{name}.log").write_text(line)
    size = sum(map(len, lines))
    monkeypatch.setattr(event_log, "_LIMIT_BYTES", size)
    whole = read_event_logs(tmp_path)
    assert ([event.type for event in whole.events], whole.unknown) == (["a", "b"], "")
    # One byte too many, one file too many.
    for limit in (size - 1, len(lines[0])):
        monkeypatch.setattr(event_log, "_LIMIT_BYTES", limit)
        cut = read_event_logs(tmp_path)
        assert cut.events[0].type == "a"
        assert cut.unknown.startswith("the event logs hold more than")


def test_the_history_of_a_key_goes_on_in_the_file_that_begins_later(tmp_path: Path) -> None:
    """Another version of a job has files of its own, whose names say nothing of their order."""
    times = {"events--candidate.log": ("21:39:41", "21:39:42"), "events-e-baseline.log": ("21:39:36", "21:39:37")}
    for name, seconds in times.items():
        records = [
            {"timestamp": f"2026-11-30T{second}.7Z", "eventType": second, "key": "ada", "event": {"attributes": {}}}
            for second in seconds
        ]
        (tmp_path / name).write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    found = [event.type for event in read_event_logs(tmp_path).events]
    assert found == ["21:39:36", "21:39:37", "21:39:41", "21:39:42"]


@pytest.mark.parametrize(
    ("first", "second"), [("05", "05.001"), ("05.123", "05.123456"), ("05.123456", "05.123456001")]
)
def test_a_time_in_java_without_its_zeros_is_before_a_longer_one(tmp_path: Path, first: str, second: str) -> None:
    for name, seconds in (("events-a.log", second), ("events-b.log", first)):
        record = {"timestamp": f"2026-11-30T21:39:{seconds}Z", "eventType": seconds, "event": {"attributes": {}}}
        (tmp_path / name).write_text(json.dumps(record), encoding="utf-8")
    assert [event.type for event in read_event_logs(tmp_path).events] == [first, second]


def test_a_log_that_leaves_types_out_is_not_whole(tmp_path: Path) -> None:
    (tmp_path / "job").mkdir()
    (tmp_path / "job/events-a.log").write_text('{"eventType": "b", "event": {}}\n')
    assert read_event_logs(tmp_path).unknown == ""
    (tmp_path / "job/events-a.left-out").write_text('"b"\n"a"\n')
    (tmp_path / "job/events-b.left-out").write_text('"a"\n')
    assert read_event_logs(tmp_path).unknown == 'events of type "a", "b" are not in the log: their level is OFF'
