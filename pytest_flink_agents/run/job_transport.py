"""How inputs reach a team's own job and how its outputs come back: what the job is told, what is written, what is read.

One format on both ways: an input is the JSON ``{"key": ..., "value": ...}``. In a topic the record's key is the key's JSON,
and a header ``input`` holds the number of the input; a job that passes it on tells which input led to an output.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from flink_testbed.core import clock
from flink_testbed.kafka.records import KafkaRecord
from flink_testbed.kafka.service import KafkaService, topic_name
from pytest_flink_agents.evidence.model import Output
from pytest_flink_agents.run.transport import Inputs, key_bytes

_HEADER = "input"
_WRITE_S = _READ_S = 120.0
_LOOK_EVERY_S = 1.0
# Longer than the second between two checkpoints, by which a job that checkpoints often would show one output too many.
_SETTLED_S = 3.0


class JobTransport(ABC):
    """A way in and out: ``put``, the job, ``outputs``, ``close``. ``values`` are what placeholders stand for."""

    name: str
    # Whether the job may go on for ever, so that its outputs tell when it is done.
    open_ended: bool
    values: Mapping[str, str]
    files: Mapping[str, str]

    @abstractmethod
    def put(self, inputs: Inputs) -> None:
        """Write the inputs; when this returns the job may begin to read."""

    @abstractmethod
    def outputs(self) -> tuple[Output, ...]:
        """What the job wrote for good so far, in the order in which it did."""

    @abstractmethod
    def close(self) -> None:
        """Take away what must not stay."""


def inputs_file(directory: Path) -> Path:
    """Where a job finds its inputs."""
    return directory / "inputs" / "inputs.jsonl"


def outputs_directory(directory: Path) -> Path:
    """Where a job leaves its outputs."""
    return directory / "outputs"


class JobFiles(JobTransport):
    """``${input.path}`` is a file of JSON lines, ``${output.path}`` a directory whose files, at any depth, are outputs."""

    name = "files"
    open_ended = False

    def __init__(self, directory: Path) -> None:
        self._inputs = inputs_file(directory)
        self._outputs = outputs_directory(directory)
        self.values = {"input.path": str(self._inputs), "output.path": str(self._outputs)}
        self.files = {"outputs": str(self._outputs)}

    def put(self, inputs: Inputs) -> None:
        """Write the inputs, and make the directory."""
        self._outputs.mkdir(parents=True, exist_ok=True)
        self._inputs.parent.mkdir(parents=True, exist_ok=True)
        self._inputs.write_text("".join(json.dumps(record) + "\n" for record in inputs), encoding="utf-8")

    def outputs(self) -> tuple[Output, ...]:
        """Every line of every file, in the order in which the files were finished.

        Names that begin with a dot or an underscore are not (yet) output, as Flink and Hadoop have it.
        """
        files = [path for path in self._outputs.rglob("*") if path.is_file() and not self._is_hidden(path)]
        files.sort(key=lambda path: (path.stat().st_mtime_ns, str(path)))
        return tuple(output_of(line) for path in files for line in path.read_text(encoding="utf-8").splitlines())

    def _is_hidden(self, path: Path) -> bool:
        return any(part.startswith((".", "_")) for part in path.relative_to(self._outputs).parts)

    def close(self) -> None:
        """The files stay, as evidence."""


class JobTopics(JobTransport):
    """``${input.topic}`` and ``${output.topic}`` at ``${kafka.bootstrap}``, with a jar that a job may use to get there.

    ``connector`` is Flink's Kafka connector for the cluster's Flink. Each topic has one partition, so that what is read has
    an order.
    """

    name = "kafka"
    open_ended = True
    files: Mapping[str, str] = {}

    def __init__(self, kafka: KafkaService, connector: Path, *, label: str) -> None:
        self._kafka = kafka
        self._inputs = topic_name(kafka.run_id, f"{label}-in")
        self._outputs = topic_name(kafka.run_id, f"{label}-out")
        self._made: list[str] = []
        self.values = {
            "input.topic": self._inputs,
            "output.topic": self._outputs,
            "kafka.bootstrap": kafka.job_bootstrap,
            "kafka.connector": str(connector),
        }

    def put(self, inputs: Inputs) -> None:
        """Make the topics, and write the inputs."""
        for topic in (self._inputs, self._outputs):
            self._kafka.create_topic(topic)
            self._made.append(topic)
        records = (
            KafkaRecord(key_bytes(record["key"]), json.dumps(record).encode(), ((_HEADER, b"%d" % number),))
            for number, record in enumerate(inputs)
        )
        self._kafka.produce(self._inputs, records, timeout_s=_WRITE_S)

    def outputs(self) -> tuple[Output, ...]:
        """The committed records."""
        return tuple(map(output_of_record, self._kafka.read_committed(self._outputs, timeout_s=_READ_S)))

    def close(self) -> None:
        """Delete the topics."""
        while self._made:
            self._kafka.delete_topic(self._made.pop())


class Arrival:
    """Whether as many outputs as are expected have come, and for a moment none besides. Looks about once a second."""

    def __init__(self, transport: JobTransport, expected: int) -> None:
        self._transport = transport
        self._expected = expected
        self._seen = -1
        self._since_s = self._next_look_s = clock.now_s()

    def __call__(self) -> bool:
        """Look, unless that was done just before."""
        now_s = clock.now_s()
        if now_s < self._next_look_s:
            return False
        seen = len(self._transport.outputs())
        if seen != self._seen:
            self._seen, self._since_s = seen, now_s
        self._next_look_s = now_s + _LOOK_EVERY_S
        return seen >= self._expected and now_s - self._since_s >= _SETTLED_S


def output_of(text: str) -> Output:
    """An output out of a line or a record's value.

    JSON with the fields key and value, and besides them none but ``input``, is an output under that key; any other JSON, and
    any text, is an output without a key.
    """
    try:
        record = json.loads(text)
    except ValueError:
        return Output(None, text)
    if isinstance(record, dict) and record.keys() - {"input"} == {"key", "value"}:
        return Output(record["key"], record["value"], _number(record.get("input")))
    return Output(None, record)


def output_of_record(record: KafkaRecord) -> Output:
    """An output out of a record: what its value does not tell, its key and its header ``input`` do."""
    told = output_of((record.value or b"null").decode("utf-8", errors="replace"))
    key = told.key if told.key is not None or record.key is None else _key(record.key)
    header = next((content for name, content in record.headers if name == _HEADER), None)
    return Output(key, told.value, told.input if header is None else _number(header.decode(errors="replace")))


def _key(key: bytes) -> Any:
    text = key.decode("utf-8", errors="replace")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _number(number: Any) -> int | None:
    try:
        return int(number)
    except (TypeError, ValueError):
        return None
