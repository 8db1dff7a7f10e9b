"""The channels that bring a run's inputs in and its outputs out: memory and files.

The one of Kafka topics is in :mod:`pytest_flink_agents.run.topic_channel`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pytest_flink_agents.evidence.model import Output, TopicContent
from pytest_flink_agents.run.conversation import Conversation
from pytest_flink_agents.run.output_files import in_writing_order
from pytest_flink_agents.run.records import Inputs, Records

if TYPE_CHECKING:
    from flink_testbed.kafka.service import KafkaService


class Channel(ABC):
    """The way in and out for one run.

    Call ``put``, run the job, then call ``outputs`` and ``close``.

    ``values`` are the placeholders that the channel fills. ``source_and_sink`` is what a job around
    an agent reads and writes, without the jars of its Flink, and ``flink_options`` are the defaults of such a job. ``files`` are
    evidence. ``open_ended`` says that a job on this channel may be unbounded, so that its
    outputs decide when it is done. ``conversation`` has the inputs that wait for outputs, None
    without one.
    """

    name: str
    open_ended = False
    values: Mapping[str, str] = MappingProxyType({})
    source_and_sink: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    flink_options: Mapping[str, str] = MappingProxyType({})
    files: Mapping[str, str] = MappingProxyType({})

    def __init__(self, inputs: Inputs, conversation: Conversation | None = None) -> None:
        self.inputs = inputs
        self.conversation = conversation

    @property
    def input_keys(self) -> tuple[Any, ...]:
        """The key of each input, by the input's number."""
        return tuple(record["key"] for record in self.inputs)

    @property
    def kafka(self) -> KafkaService | None:
        """The Kafka of the records, None if they do not travel through one."""
        return None

    @abstractmethod
    def put(self) -> None:
        """Write the inputs, so that a job can read them."""

    @abstractmethod
    def outputs(self) -> tuple[Output, ...]:
        """Return the committed outputs in the order in which they were written.

        Outputs that a restart may still take back are not among them.
        """

    def topics(self) -> TopicContent | None:
        """Return what else the topics of the run hold, None without topics."""
        return None

    @abstractmethod
    def send_released(self) -> None:
        """Send the inputs that outputs have released since the last call, while the job runs."""

    @abstractmethod
    def close(self) -> None:
        """Remove what must not outlive the run."""


class MemoryChannel(Channel):
    """Inputs and outputs inside the local worker's request and reply."""

    name = "memory"

    def __init__(
        self, inputs: Inputs = (), conversation: Conversation | None = None, portions: Sequence[range] = ()
    ) -> None:
        super().__init__(inputs, conversation)
        self._portions = list(portions)
        # The number of inputs that a request may hold.
        self.written = len(inputs)

    def put(self) -> None:
        """Do nothing, or allow the first portion: the request holds the inputs."""
        if self._portions:
            self.send_portion()

    def send_portion(self) -> None:
        """Allow the next portion of the inputs."""
        self.written = self._portions.pop(0).stop

    def outputs(self) -> tuple[Output, ...]:
        """Return nothing: the reply holds the outputs."""
        return ()

    def send_released(self) -> None:
        """Do nothing: the worker asks after each output."""

    def close(self) -> None:
        """Do nothing."""


class FileChannel(Channel):
    """A file in, a directory of files out, below the run's directory.

    ``${input.path}`` is a file of JSON lines, ``${output.path}`` a directory whose files, at any
    depth, are outputs.
    """

    name = "files"

    def __init__(self, inputs: Inputs, directory: Path, records: Records) -> None:
        super().__init__(inputs)
        self._records = records
        self._inputs = directory / "inputs" / "inputs.jsonl"
        self._outputs = directory / "outputs"
        self.values = {"input.path": str(self._inputs), "output.path": str(self._outputs)}
        self.source_and_sink = {"files": {"inputs": str(self._inputs), "outputs": str(self._outputs)}}
        self.files = {"outputs": str(self._outputs)}

    def put(self) -> None:
        """Write the inputs, and make the directory of the outputs."""
        self._outputs.mkdir(parents=True, exist_ok=True)
        self._inputs.parent.mkdir(parents=True, exist_ok=True)
        with self._inputs.open("w", encoding="utf-8") as file:
            file.writelines(self._records.line(number, record) + "\n" for number, record in enumerate(self.inputs))

    def outputs(self) -> tuple[Output, ...]:
        """Return all lines, in the order in which their files were finished.

        After a restart a subtask continues in another file. As in Flink and Hadoop, a name that
        begins with a dot or an underscore is not (yet) output.
        """
        files = [path for path in self._outputs.rglob("*") if path.is_file() and not self._is_hidden(path)]
        lines = (line for path in in_writing_order(files) for line in path.read_text(encoding="utf-8").splitlines())
        return tuple(self._records.output(line, self.inputs) for line in lines)

    def send_released(self) -> None:
        """Do nothing: a file is complete before its job begins."""

    def _is_hidden(self, path: Path) -> bool:
        return any(part.startswith((".", "_")) for part in path.relative_to(self._outputs).parts)

    def close(self) -> None:
        """Do nothing: the files stay as evidence."""
