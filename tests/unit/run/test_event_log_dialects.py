"""Event logs of several releases, read as one shape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pytest_flink_agents.run.event_log import normalised, read_event_logs

INPUTS: list[dict[str, Any]] = [{"key": "ada", "value": 1}, {"key": 7, "value": 2}]


def of_0_1(name: str, text: str, number: int) -> dict[str, Any]:
    return {
        "context": {"eventType": "org.apache.flink.agents.runtime.python.event.PythonEvent", "timestamp": "t"},
        "event": {"id": "1", "attributes": {}, "eventType": name, "eventString": text, "sourceTimestamp": number},
    }


def test_a_python_event_of_0_1_is_read_from_its_text() -> None:
    """Type as later releases call it, attributes without the id, the key by the number of the input."""
    record = of_0_1("flink_agents.api.events.event.InputEvent", "id=UUID('5b') input={'item': 'tea', 'n': 1}", 1)
    event = normalised(record, INPUTS)
    assert (event.type, event.attributes) == ("_input_event", {"input": {"item": "tea", "n": 1}})
    assert (event.key, event.timestamp) == (7, "t")


def test_texts_that_look_like_fields_stay_in_their_value() -> None:
    """Blanks, equal signs and quotes inside a value; what is no literal stays text."""
    record = of_0_1("shop.Booked", "id=UUID('5b') note=\"it's x=1 y='2' \" total=3 item=Item(name='a b', n=1)", 0)
    event = normalised(record, INPUTS)
    assert event.type == "shop.Booked"
    assert event.attributes == {"note": "it's x=1 y='2' ", "total": 3, "item": "Item(name='a b', n=1)"}


def test_a_record_of_0_3_keeps_its_own_key(tmp_path: Path) -> None:
    """Nested records with a key of ours, and upstream's without one but with a time stamp."""
    records = [
        {"eventType": "_input_event", "key": "own", "event": {"attributes": {"input": 1}, "sourceTimestamp": 1}},
        {"eventType": "_input_event", "event": {"attributes": {"input": 1}, "sourceTimestamp": 0}},
        {"eventType": "_input_event", "event": {"attributes": {"input": 1}, "sourceTimestamp": 9}},
    ]
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (tmp_path / "events-1.log").write_text(lines + '{"cut": ')
    assert [event.key for event in read_event_logs(tmp_path, INPUTS)] == ["own", "ada", None]
