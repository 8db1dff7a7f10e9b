"""Options that the bundled engine refuses, by what the installed flink-agents declares."""

from __future__ import annotations

from typing import Any

import pytest

from flink_agents_runtime.config.catalogue import LATER
from flink_agents_runtime.config.options import OptionError
from flink_agents_runtime.config.supported import refuse_unsupported, with_trace_log

OLDER = {"baseLogDir", "eventLoggerType", "event-log.level", "prettyPrint", "error-handling-strategy", "max-retries"}
# As the options of 0.4.0 were read, and those of its sources of 2026-08-21, which still have the event log.
RELEASED = (LATER - {"event-log.trace.enabled"}) | {"max-retries"}
SOURCES = OLDER | {"agent-run.begin-event", "memory.generate-event", "memory.generate-event.short-term-write"}


@pytest.mark.parametrize(
    ("options", "declared"),
    [
        ({"max-retries": 2, "error-handling-strategy": "retry", "eventLoggerType": "file"}, OLDER),
        ({"agent-run.begin-event": False, "memory.generate-event": "false", "prettyPrint": True}, SOURCES),
        ({"async.batch.parallelism": 4, "async.batch.timeout.ms": -1, "parallel-execution.enabled": True}, RELEASED),
        ({"max-in-flight-input-records": 7, "trace-log.base-dir": "/x"}, RELEASED),
        # The harness's own, whatever the release calls them.
        ({"baseLogDir": "/x", "event-log.level": "VERBOSE"}, RELEASED),
        ({"agent-run.begin-event": None, "own": 1}, OLDER),
    ],
)
def test_what_is_honoured_is_accepted(options: dict[str, Any], declared: set[str]) -> None:
    refuse_unsupported(options, declared)


@pytest.mark.parametrize(
    ("options", "declared", "said"),
    [
        ({"agent-run.begin-event": False}, OLDER, "one of flink-agents 0.4, and this is 0.3"),
        ({"agent-run.begin-event": True}, SOURCES, "sends no such event"),
        ({"memory": {"generate-event": {"short-term-write": "true"}}}, SOURCES, "sends no such event"),
        ({"async.batch.timeout.ms": 500}, RELEASED, "does not end a call"),
        ({"async.batch.parallelism": 0}, RELEASED, "a number above 0"),
        ({"async.batch.parallelism": "many"}, RELEASED, "an integer"),
        ({"kafkaActionStateCleanupControlTopic": "t"}, RELEASED, "does not honour it"),
        ({"eventLoggerType": "file"}, RELEASED, "rejects it; write trace-log.output-type"),
        ({"event-log.type.a.level": "OFF"}, RELEASED, "rejects it; write trace-log.targets"),
        ({"error-handling-strategy": "retry"}, RELEASED, "ignores it; write max-retries"),
        ({"event-listeners": ["a.B"]}, RELEASED, "Java classes"),
    ],
)
def test_what_is_not_honoured_is_refused(options: dict[str, Any], declared: set[str], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        refuse_unsupported(options, declared)


def test_the_harness_asks_for_a_trace_log_if_there_is_one() -> None:
    options = {"baseLogDir": "/x", "event-log.level": "VERBOSE", "own": 1}
    assert with_trace_log(options, SOURCES) == options
    assert with_trace_log(options, RELEASED) == {
        "trace-log.base-dir": "/x",
        "trace-log.targets": [{"scope": "EVENT_ONLY", "detail": "VERBOSE"}],
        "own": 1,
    }
    own = [{"scope": "ALL", "detail": "STANDARD"}]
    assert with_trace_log({**options, "trace-log.targets": own}, RELEASED)["trace-log.targets"] == own
