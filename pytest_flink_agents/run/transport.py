"""How inputs reach a job on Flink and how its outputs come back: files, or a Kafka.

Files are for short runs. With Kafka, outputs are what a reader of committed records sees.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from flink_testbed.kafka.records import KafkaRecord
from flink_testbed.kafka.service import KafkaService, topic_name
from pytest_flink_agents.evidence.model import Output

Inputs = Sequence[Mapping[str, Any]]

# A checkpoint commits what came before it. A job comes back after a failure, as in production; one that fails for good
# ends all the same.
_CHECKPOINTED = {
    "execution.checkpointing.interval": "1s",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "3",
    "restart-strategy.fixed-delay.delay": "100ms",
}
# The job's time stamps say nothing of when a record was written, and a broker refuses or soon deletes what looks old.
_OUTPUT_TOPIC = {"message.timestamp.type": "LogAppendTime"}
_WRITE_S = 120.0
_READ_S = 120.0


class Transport(ABC):
    """A way in and out, for one run: ``put``, the job, ``outputs``, ``close``.

    ``ends`` is what the job is told, ``flink_options`` are for a job whose run has none of its own, ``files`` are left to be
    looked at.
    """

    name: str
    flink_options: Mapping[str, str] = MappingProxyType({})
    files: Mapping[str, str] = MappingProxyType({})
    ends: Mapping[str, Mapping[str, str]]

    @abstractmethod
    def put(self, inputs: Inputs) -> None:
        """Write the inputs; when this returns the job may begin to read."""

    @abstractmethod
    def outputs(self, inputs: Inputs) -> tuple[Output, ...]:
        """What the job wrote for good, in the order in which it did."""

    @abstractmethod
    def close(self) -> None:
        """Take away what must not stay."""


def numbered_lines(inputs: Inputs) -> Iterator[str]:
    """Each input as the JSON that a job reads: ``{"input": number, "key", "value"}``."""
    return (json.dumps({"input": number, **record}) for number, record in enumerate(inputs))


def key_bytes(key: Any) -> bytes:
    """A key as the key of a Kafka record: its JSON, so that 1 and "1" stay two keys."""
    return json.dumps(key, sort_keys=True).encode()


def output_of(record: Mapping[str, Any], inputs: Inputs) -> Output:
    """An output as a job writes it. One that does not tell its key tells the number of its input."""
    number = record["input"]
    return Output(record["key"] if "key" in record else inputs[number]["key"], record["value"], number)


class FileTransport(Transport):
    """A file in, files out, below the run's directory."""

    name = "files"

    def __init__(self, directory: Path) -> None:
        self._inputs = directory / "inputs.jsonl"
        self._outputs = directory / "outputs"
        self.ends = {"files": {"inputs": str(self._inputs), "outputs": str(self._outputs)}}
        self.files = {"outputs": str(self._outputs)}

    def put(self, inputs: Inputs) -> None:
        """Write the inputs."""
        self._inputs.write_text("".join(line + "\n" for line in numbered_lines(inputs)), encoding="utf-8")

    def outputs(self, inputs: Inputs) -> tuple[Output, ...]:
        """The committed lines of the sink's files, which are read in the order in which they were written.

        After a restart a subtask goes on in another file. Files in progress (a dot first) are not output.
        """
        found: list[Output] = []
        for path in sorted(self._outputs.rglob("part-*"), key=lambda path: path.stat().st_mtime_ns):
            lines = path.read_text(encoding="utf-8").splitlines()
            found += [output_of(json.loads(line), inputs) for line in lines]
        return tuple(found)

    def close(self) -> None:
        """The files stay, as evidence."""


class KafkaTransport(Transport):
    """A topic in, a topic out, each with one partition, so that what is read has an order; ``label`` is in their names.

    ``connector`` is Flink's Kafka connector for the job's Flink; ``guarantee`` is ``exactly_once`` or ``at_least_once``.
    """

    name = "kafka"
    flink_options = MappingProxyType(_CHECKPOINTED)

    def __init__(self, kafka: KafkaService, connector: Path, *, label: str, guarantee: str = "exactly_once") -> None:
        self._kafka = kafka
        self.inputs_topic = topic_name(kafka.run_id, f"{label}-in")
        self.outputs_topic = topic_name(kafka.run_id, f"{label}-out")
        self._made: list[str] = []
        self.ends = {
            "kafka": {
                "bootstrap": kafka.job_bootstrap,
                "inputs": self.inputs_topic,
                "outputs": self.outputs_topic,
                "connector": str(connector),
                # Another run's job with the same names would abort this one's transactions.
                "transactions": self.outputs_topic,
                "guarantee": guarantee,
            }
        }

    def put(self, inputs: Inputs) -> None:
        """Make the topics, and write the inputs."""
        self._make(self.inputs_topic, {})
        self._make(self.outputs_topic, _OUTPUT_TOPIC)
        records = (
            KafkaRecord(key_bytes(record["key"]), line.encode())
            for record, line in zip(inputs, numbered_lines(inputs), strict=True)
        )
        self._kafka.produce(self.inputs_topic, records, timeout_s=_WRITE_S)

    def outputs(self, inputs: Inputs) -> tuple[Output, ...]:
        """The committed records."""
        records = self._kafka.read_committed(self.outputs_topic, timeout_s=_READ_S)
        return tuple(output_of(json.loads(record.value or b"null"), inputs) for record in records)

    def _make(self, topic: str, config: Mapping[str, str]) -> None:
        self._kafka.create_topic(topic, config=config)
        self._made.append(topic)

    def close(self) -> None:
        """Delete the topics."""
        while self._made:
            self._kafka.delete_topic(self._made.pop())
