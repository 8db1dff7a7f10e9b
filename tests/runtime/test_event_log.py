import json
import re

import pytest
from flink_agents.api.events.event import Event
from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.observe.event_log import EventLog
from flink_agents_runtime.observe.truncation import Limits, truncated


def written(path, config, *events, key="k"):
    """The records that a log with these options makes of events."""
    log = EventLog(path, AgentConfiguration(config))
    for event in events:
        log.event_processed(key, event.type, event.model_dump_json())
    log.close()
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_record_has_upstreams_shape_and_the_key(tmp_path):
    event = Event(type="t", attributes={"a": [1]}, more="extra")
    (record,) = written(tmp_path / "log", {"event-log.level": "VERBOSE"}, event, key=["user", 1])
    assert list(record) == ["timestamp", "logLevel", "eventType", "key", "event"]
    assert list(record["event"]) == ["eventType", "id", "attributes", "more", "type"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", record["timestamp"])
    assert (record["logLevel"], record["eventType"], record["key"]) == ("VERBOSE", "t", ["user", 1])
    assert record["event"]["id"] == str(event.id)
    assert record["event"]["attributes"] == {"a": [1]}


def test_each_record_is_flushed(tmp_path):
    log = EventLog(tmp_path / "deep" / "log", AgentConfiguration())
    log.event_processed("k", "t", Event(type="t").model_dump_json())
    assert (tmp_path / "deep" / "log").read_text().count("\n") == 1
    log.close()


def test_a_log_is_appended_to_after_a_restart(tmp_path):
    written(tmp_path / "log", {}, Event(type="a"))
    assert [record["eventType"] for record in written(tmp_path / "log", {}, Event(type="b"))] == ["a", "b"]


def test_off_creates_no_file(tmp_path):
    assert written(tmp_path / "log", {"event-log.level": "OFF"}, Event(type="t")) == []
    assert not (tmp_path / "log").exists()


def test_the_level_of_the_most_specific_type_applies(tmp_path):
    config = {
        "event-log.level": "OFF",
        "event-log.type.a.level": "STANDARD",
        "event-log.type.a.b.level": "verbose",
        "event-log.type.a.c.level": "OFF",
    }
    events = [Event(type=name) for name in ("a", "a.b", "a.b.x", "a.c", "a.d", "other")]
    levels = [(record["eventType"], record["logLevel"]) for record in written(tmp_path / "log", config, *events)]
    assert levels == [("a", "STANDARD"), ("a.b", "VERBOSE"), ("a.b.x", "VERBOSE"), ("a.d", "STANDARD")]


def test_the_types_that_are_left_out_are_named_beside_the_log(tmp_path):
    config = {"event-log.type.a.level": "OFF"}
    written(tmp_path / "deep" / "log.log", config, Event(type="a"), Event(type="a"), Event(type="b"), Event(type="a.c"))
    assert (tmp_path / "deep" / "log.left-out").read_text() == '"a"\n"a.c"\n'
    written(tmp_path / "whole.log", config, Event(type="b"))
    assert not (tmp_path / "whole.left-out").exists()


def test_an_unknown_level_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="LOUD"):
        EventLog(tmp_path / "log", AgentConfiguration({"event-log.level": "LOUD"}))


def test_standard_truncates_and_verbose_does_not(tmp_path):
    event = Event(type="t", attributes={"text": "x" * 9})
    limits = {"event-log.standard.max-string-length": 4}
    (standard,) = written(tmp_path / "standard", limits, event)
    (verbose,) = written(tmp_path / "verbose", {**limits, "event-log.level": "VERBOSE"}, event)
    assert standard["event"]["attributes"]["text"] == {"truncatedString": "xxxx...", "omittedChars": 5}
    assert verbose["event"]["attributes"]["text"] == "x" * 9


def test_truncated_strings_lists_and_objects_count_what_is_omitted():
    event = {
        "eventType": "longer than five",
        "id": "longer than five",
        "attributes": {
            "text": "abcdefg",
            "list": [1, 2, 3],
            "deep": {"deeper": {"scalar": 1, "object": {"x": 1}, "list": [1]}},
        },
    }
    cut = truncated(event, Limits(string_length=5, array_elements=2, depth=3))
    assert cut["id"] == cut["eventType"] == "longer than five"
    assert cut["attributes"]["text"] == {"truncatedString": "abcde...", "omittedChars": 2}
    assert cut["attributes"]["list"] == {"truncatedList": [1, 2], "omittedElements": 1}
    deep = {"truncatedObject": {"scalar": 1}, "omittedFields": 2}
    assert cut["attributes"]["deep"] == {"deeper": deep}


@pytest.mark.parametrize(
    ("depth", "expected"),
    [
        (1, {"truncatedObject": {}, "omittedFields": 2}),
        (
            2,
            {
                "deep": {"truncatedObject": {"n": 1}, "omittedFields": 1},
                "list": [{"truncatedObject": {}, "omittedFields": 1}],
            },
        ),
        (3, {"deep": {"n": 1, "object": {"x": 1}}, "list": [{"call": {"truncatedObject": {}, "omittedFields": 1}}]}),
        (4, {"deep": {"n": 1, "object": {"x": 1}}, "list": [{"call": {"arguments": {"y": 2}}}]}),
    ],
)
def test_depth_counts_from_the_attributes_and_not_for_lists(depth, expected):
    event = {"attributes": {"deep": {"n": 1, "object": {"x": 1}}, "list": [{"call": {"arguments": {"y": 2}}}]}}
    assert truncated(event, Limits(0, 0, depth))["attributes"] == expected


def test_the_arguments_of_a_tool_call_are_in_the_log_by_default(tmp_path):
    call = {"id": "c", "type": "function", "function": {"name": "add", "arguments": {"a": 1}}}
    event = Event(type="_tool_request_event", attributes={"model": "m", "tool_calls": [call]})
    (record,) = written(tmp_path / "log", {}, event)
    assert record["event"]["attributes"]["tool_calls"] == [call]


def test_a_limit_of_zero_truncates_nothing():
    event = {"attributes": {"text": "x" * 9999, "list": list(range(99)), "deep": {"a": {"b": {"c": {"d": {}}}}}}}
    assert truncated(event, Limits(0, 0, 0)) == event


class Written(Event):
    """An event with another order of its fields."""

    def model_dump_json(self, **kwargs):
        return json.dumps({"type": self.type, "id": None, "attributes": self.attributes})


@pytest.mark.parametrize("level", ["STANDARD", "VERBOSE"])
@pytest.mark.parametrize(
    "event",
    [
        Event(type="t"),
        Event(type='ty"pe ä', attributes={"text": 'a "b" \n ä', "number": 1e300, "none": None}, more=[1]),
        Event(type="t", attributes={"list": [[1], {"a": {"b": 1}}], "rows": list(range(9)), "text": "x" * 40}),
        Written(type="t", attributes={"a": 1}),
    ],
    ids=range(4),
)
def test_a_record_of_an_events_own_text_is_the_one_of_its_values(tmp_path, monkeypatch, event, level):
    for limit in range(1, 12):
        options = {
            "event-log.level": level,
            "event-log.standard.max-string-length": 20 * limit,
            "event-log.standard.max-array-elements": limit,
            "event-log.standard.max-depth": limit,
        }
        (record,) = written(tmp_path / f"{limit}-quick", options, event)
        with monkeypatch.context() as patch:
            patch.setattr(EventLog, "record_of_text", lambda *_: None)
            (by_values,) = written(tmp_path / f"{limit}-slow", options, event)
        del record["timestamp"], by_values["timestamp"]
        assert record == by_values
        assert list(record["event"]) == list(by_values["event"])
