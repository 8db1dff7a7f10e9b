"""The JSON format of inputs and outputs.

Agents read ``{"input": NUMBER, "key": ..., "value": ...}``, so that each output can name the input
it comes from. The user's own job reads ``{"key": ..., "value": ...}``; in a topic the record's
key is the key's JSON and a header ``input`` holds the number, which the job may pass on.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flink_testbed.kafka.record import KafkaRecord
from pytest_flink_agents.evidence.model import Output

Inputs = Sequence[Mapping[str, Any]]
_HEADER = "input"


def key_bytes(key: Any) -> bytes:
    """Return the key of a Kafka record.

    It is JSON, so that 1 and "1" stay two keys.
    """
    return json.dumps(key, sort_keys=True).encode()


class Records(ABC):
    """The format of one kind of subject."""

    @abstractmethod
    def line(self, number: int, record: Mapping[str, Any]) -> str:
        """Return an input as one line of JSON."""

    @abstractmethod
    def output(self, line: str, inputs: Inputs) -> Output:
        """Read an output from a line of a file."""

    @abstractmethod
    def to_kafka(self, number: int, record: Mapping[str, Any]) -> KafkaRecord:
        """Return an input as a record of a topic."""

    @abstractmethod
    def from_kafka(self, record: KafkaRecord, inputs: Inputs) -> Output:
        """Read an output from a record of a topic."""


def agent_output(record: Mapping[str, Any], inputs: Inputs) -> Output:
    """Return the output of an agent as a job's sink or the local worker writes it."""
    number = record["input"]
    return Output(record["key"] if "key" in record else inputs[number]["key"], record["value"], number)


class AgentRecords(Records):
    """The format of the bundled jobs around an agent.

    An output without a key has its input's key.
    """

    def line(self, number: int, record: Mapping[str, Any]) -> str:
        """Return the input with its number."""
        return json.dumps({"input": number, **record})

    def output(self, line: str, inputs: Inputs) -> Output:
        """Read key, value and number of the input."""
        return agent_output(json.loads(line), inputs)

    def to_kafka(self, number: int, record: Mapping[str, Any]) -> KafkaRecord:
        """Return the line as a record under the input's key."""
        return KafkaRecord(key_bytes(record["key"]), self.line(number, record).encode())

    def from_kafka(self, record: KafkaRecord, inputs: Inputs) -> Output:
        """Read the record's value as a line."""
        return replace(self.output((record.value or b"null").decode(), inputs), at_s=_at_s(record))


class JobRecords(Records):
    """The format of the user's own job, which may write any text."""

    def line(self, number: int, record: Mapping[str, Any]) -> str:
        """Return key and value."""
        return json.dumps(record)

    def output(self, line: str, inputs: Inputs = ()) -> Output:
        """Read an output from a line.

        JSON with ``key``, ``value`` and at most ``input`` is an output with a key. Anything else is
        a value without one.
        """
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            return Output(None, line)
        if isinstance(record, dict) and record.keys() - {"input"} == {"key", "value"}:
            return Output(record["key"], record["value"], _number(record.get("input")))
        return Output(None, record)

    def to_kafka(self, number: int, record: Mapping[str, Any]) -> KafkaRecord:
        """Return the input as a record, with its number in a header."""
        return KafkaRecord(key_bytes(record["key"]), self.line(number, record).encode(), ((_HEADER, b"%d" % number),))

    def from_kafka(self, record: KafkaRecord, inputs: Inputs = ()) -> Output:
        """Read an output from a record.

        The record's key counts if the value has none. A header with the input's number counts
        before a number in the value.
        """
        output = self.output((record.value or b"null").decode("utf-8", errors="replace"))
        key = output.key if output.key is not None or record.key is None else _key(record.key)
        header = next((content for name, content in record.headers if name == _HEADER), None)
        number = output.input if header is None else _number(header.decode(errors="replace"))
        return Output(key, output.value, number, _at_s(record))


def _at_s(record: KafkaRecord) -> float | None:
    return None if record.timestamp_ms is None else record.timestamp_ms / 1000


def _key(key: bytes) -> Any:
    text = key.decode("utf-8", errors="replace")
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _number(number: Any) -> int | None:
    try:
        return int(number)
    except (TypeError, ValueError):
        return None
