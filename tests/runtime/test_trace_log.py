"""The trace log of flink-agents 0.4, after its documentation: no package that has it can be installed here."""

import json
import logging

import pytest
from flink_agents.api.events.event import Event
from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.options import OptionError
from flink_agents_runtime.observe.logs import logs_of
from flink_agents_runtime.observe.trace_log import trace_log

LINEAGE = {"upstreamEventId": "e-0", "upstreamActionName": "book"}


def records(path, config, *events):
    """Return the records of a log with these options."""
    log = trace_log(AgentConfiguration({"trace-log.base-dir": str(path), **config}), "job 1", "Till")
    for event in events:
        log.event_processed("ada", event["type"], json.dumps(event))
    log.close()
    file = path / "traces-job-1.log"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def event(name, **attributes):
    return {"id": "e-1", "type": name, "attributes": attributes}


def test_a_record_has_the_documented_fields(tmp_path):
    (record,) = records(tmp_path, {}, {**event("booked", total=3), **LINEAGE})
    assert list(record) == [
        "timestamp",
        "detail",
        "businessKey",
        "agentName",
        "entityType",
        "entityName",
        "entityMetadata",
        "attributes",
    ]
    del record["timestamp"]
    assert record == {
        "detail": "STANDARD",
        "businessKey": "ada",
        "agentName": "Till",
        "entityType": "event",
        "entityName": "booked",
        "entityMetadata": {"eventId": "e-1", **LINEAGE},
        "attributes": {"total": 3},
    }


def test_only_attributes_are_truncated(tmp_path):
    config = {"trace-log.standard.max-string-length": 3}
    long = {**event("booked", note="12345"), "upstreamActionName": "a long name", "upstreamEventId": "e-0"}
    (record,) = records(tmp_path, config, long)
    assert record["attributes"] == {"note": {"truncatedString": "123...", "omittedChars": 2}}
    assert record["entityMetadata"]["upstreamActionName"] == "a long name"
    verbose = {**config, "trace-log.targets": [{"scope": "EVENT_ONLY", "detail": "VERBOSE"}]}
    (record,) = records(tmp_path / "verbose", verbose, long)
    assert record["attributes"] == {"note": "12345"}


@pytest.mark.parametrize(
    ("targets", "details"),
    [
        (None, ["STANDARD"] * 4),
        ([], []),
        ([{"scope": "ALL"}], ["STANDARD"] * 4),
        ([{"scope": "ALL", "detail": "VERBOSE"}, {"scope": "EVENT_ONLY"}], ["VERBOSE"] * 4),
        ([{"scope": "ALL", "detail": "VERBOSE"}, {"scope": "EVENT_ONLY", "detail": "OFF"}], []),
        ([{"scope": {"entityType": "tool"}, "detail": "VERBOSE"}], []),
        ([{"scope": {"entityType": "event", "entityName": "a.*"}}], ["STANDARD"] * 3),
        (
            [
                {"scope": "EVENT_ONLY", "detail": "VERBOSE"},
                {"scope": {"entityType": "event", "entityName": "a.b.*"}, "detail": "OFF"},
                {"scope": {"entityType": "event", "entityName": "a.b.c"}, "detail": "STANDARD"},
            ],
            ["VERBOSE", "STANDARD", "VERBOSE"],
        ),
    ],
)
def test_the_most_specific_target_decides(tmp_path, targets, details):
    config = {} if targets is None else {"trace-log.targets": targets}
    found = records(tmp_path, config, *(event(name) for name in ("a", "a.b", "a.b.c", "z")))
    assert [record["detail"] for record in found] == details


def test_the_types_that_no_target_names_are_beside_the_log(tmp_path):
    targets = [{"scope": {"entityType": "event", "entityName": "a.*"}}]
    records(tmp_path, {"trace-log.targets": targets}, event("a"), event("z"), event("z"))
    assert (tmp_path / "traces-job-1.left-out").read_text() == '"z"\n'


@pytest.mark.parametrize(
    "targets",
    ["ALL", [{"scope": "EVENTS"}], [{"scope": "ALL", "level": "OFF"}], [{"scope": "ALL", "detail": "LOUD"}], [1]],
)
def test_an_unknown_target_is_an_error(tmp_path, targets):
    with pytest.raises(OptionError, match=r"trace-log\.targets"):
        records(tmp_path, {"trace-log.targets": targets})


@pytest.mark.parametrize("value", ["many", -1, True, 1.5, [3]])
def test_a_limit_that_is_no_integer_is_an_error(tmp_path, value):
    with pytest.raises(OptionError, match=r"trace-log\.standard\.max-depth cannot be .* an integer of at least 0"):
        records(tmp_path, {"trace-log.standard.max-depth": value})


def test_the_output_is_a_file_or_the_logger(caplog):
    assert trace_log(AgentConfiguration({}), "x", "Till") is None
    with pytest.raises(OptionError, match="FILE or SLF4J"):
        trace_log(AgentConfiguration({"trace-log.output-type": "paper"}), "x", "Till")
    log = trace_log(AgentConfiguration({"trace-log.output-type": "SLF4J"}), "x", "Till")
    with caplog.at_level(logging.INFO, logger="org.apache.flink.agents.TraceLog"):
        log.event_processed("ada", "booked", json.dumps(event("booked")))
    assert json.loads(caplog.records[0].message)["entityName"] == "booked"


def test_both_logs_count_what_they_truncate(tmp_path):
    limits = {"event-log.standard.max-string-length": 1, "trace-log.standard.max-string-length": 1}
    places = {"baseLogDir": str(tmp_path / "a"), "trace-log.base-dir": str(tmp_path / "b")}
    logs = logs_of(AgentConfiguration({**limits, **places}), "x", "Till")
    counted = []
    logs.count_truncated(lambda: counted.append(1))
    logs.event_processed("ada", "booked", Event(type="booked", attributes={"note": "long"}).model_dump_json())
    logs.close()
    assert len(counted) == 2
    assert len(list(tmp_path.rglob("*.log"))) == 2
