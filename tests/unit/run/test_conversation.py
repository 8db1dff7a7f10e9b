"""Inputs that wait for outputs: the order in which they are sent, and what is said of those that were not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from flink_testbed.core import clock
from flink_testbed.kafka.record import KafkaRecord
from flink_testbed.kafka.remote import RemoteKafka
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.held_inputs import check_inputs_sent
from pytest_flink_agents.evidence.model import Evidence, HeldInput, Output
from pytest_flink_agents.run.conversation import Conversation, Turn
from pytest_flink_agents.run.records import AgentRecords
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.scenario.matching.matchers import compile_matcher
from pytest_flink_agents.scenario.scrub import parse_scrub


def conversation(keys: Iterable[Any], waits: Mapping[int, Any], *scrub: str) -> Conversation:
    inputs = [{"key": key, "value": number} for number, key in enumerate(keys)]
    turns = {number: Turn(number, compile_matcher(wanted)) for number, wanted in waits.items()}
    return Conversation(inputs, turns, [parse_scrub(text) for text in scrub])


def test_an_input_is_released_by_an_output_of_its_own_key() -> None:
    held = conversation(["a", "a", "b"], {1: "hi"})
    assert held.numbers == (1,)
    assert held.after("b", "hi") == []
    assert held.after("a", "bye") == []
    assert held.after("a", "hi") == [1]
    assert held.after("a", "hi") == []
    assert held.held() == ()


def test_the_inputs_of_a_key_keep_their_order() -> None:
    held = conversation(["a", "a", "a", "b", "a"], {1: "hi", 4: "hi"})
    assert held.numbers == (1, 2, 4)
    assert held.after("a", "hi") == [1, 2]
    assert held.after("a", "hi") == [4]


def test_an_output_releases_one_held_input_at_most() -> None:
    held = conversation(["a", "a", "a"], {1: "hi", 2: "hi"})
    assert [held.after("a", "hi") for _ in range(3)] == [[1], [2], []]


def test_keys_of_different_types_hold_inputs_of_their_own() -> None:
    held = conversation([1, "1", 1], {2: {"any_value": True}})
    assert held.after("1", "hi") == []
    assert held.after(1, "hi") == [2]


def test_outputs_are_compared_without_what_scrub_removes() -> None:
    held = conversation(["a", "a"], {1: {"said": "hi"}}, "at")
    assert held.after("a", {"said": "hi", "at": 17}) == [1]


def test_inputs_that_are_still_held_are_named_once_a_key() -> None:
    held = conversation(["a", "a", "a"], {1: "hi"})
    assert held.held() == (HeldInput(1, "a", 1, '"hi"', behind=1),)


def test_a_pattern_that_takes_too_long_releases_nothing_and_leaves_a_doubt() -> None:
    held = conversation(["a", "a"], {1: {"regex": "^(a|aa)+$"}})
    assert held.after("a", "a" * 60 + "b") == []
    (left,) = held.held()
    assert left.doubt
    assert check_inputs_sent(Evidence("local", "2.2.1", "bundled", held_inputs=(left,))).validity is Validity.UNKNOWN


def test_an_input_that_was_never_sent_is_invalid_and_named() -> None:
    held = HeldInput(1, "a", 2, '"hi"', behind=3)
    outputs = (Output("a", "hello"), Output("a", "bye"), Output("b", "hi"))
    result = check_inputs_sent(Evidence("local", "2.2.1", "bundled", outputs=outputs, held_inputs=(held,)))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert finding.message == (
        'input 1 of key "a" was never sent, nor the 3 behind it: no output of its key that it waits for has come'
    )
    assert (finding.path, finding.expected, finding.seen) == (("inputs", 2, "after"), '"hi"', "bye")


def test_inputs_of_a_job_that_never_started_are_unknown() -> None:
    held = (HeldInput(1, "a", 1, '"hi"'),)
    result = check_inputs_sent(Evidence("embedded", "2.2.1", "bundled", started=False, held_inputs=held))
    assert result.validity is Validity.UNKNOWN


class WrittenKafka(RemoteKafka):
    """A Kafka whose topics are lists."""

    def __init__(self) -> None:
        super().__init__("kafka.example:9093", run_id="r", startup_timeout_s=1)
        self.written: dict[str, list[KafkaRecord]] = {}

    def create_topic(self, name: str, **_: Any) -> None:
        self.written[name] = []

    def produce(self, topic: str, records: Iterable[KafkaRecord], **_: Any) -> None:
        self.written[topic] += records

    def read_committed(self, topic: str, **_: Any) -> list[KafkaRecord]:
        return self.written[topic]


def test_a_topic_gets_released_inputs_while_the_job_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(clock, "now_s", lambda: now[0])
    kafka = WrittenKafka()
    inputs = [{"key": "a", "value": 0}, {"key": "a", "value": 1}, {"key": "b", "value": 2}]
    held = Conversation(inputs, {1: Turn(1, compile_matcher("hi"))})
    channel = TopicChannel(inputs, kafka, Path("connector.jar"), AgentRecords(), label="x", conversation=held)
    # The source of the job ends after the last of them, whenever it is written.
    assert channel.source_and_sink["kafka"]["records"] == 3

    def sent() -> list[bytes | None]:
        return [record.value for record in kafka.written[channel.inputs_topic]]

    channel.put()
    first = [b'{"input": 0, "key": "a", "value": 0}', b'{"input": 2, "key": "b", "value": 2}']
    assert sent() == first
    kafka.written[channel.outputs_topic].append(KafkaRecord(None, b'{"input": 0, "key": "a", "value": "hi"}'))
    channel.send_released()
    assert sent() == [*first, b'{"input": 1, "key": "a", "value": 1}']
    now[0] = 60.0
    channel.send_released()
    assert len(sent()) == 3


def test_a_topic_without_held_inputs_ends_where_it_ends_when_the_job_begins() -> None:
    channel = TopicChannel([], WrittenKafka(), Path("connector.jar"), AgentRecords(), label="x")
    assert channel.source_and_sink["kafka"]["records"] is None
