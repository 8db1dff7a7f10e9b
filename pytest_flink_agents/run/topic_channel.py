"""The channel of Kafka topics: it brings a run's inputs in and its committed outputs out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from flink_testbed.kafka.topic_names import topic_name
from pytest_flink_agents.evidence.model import Output, TopicContent
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.conversation import Conversation
from pytest_flink_agents.run.paced import Paced
from pytest_flink_agents.run.records import Inputs, Records

if TYPE_CHECKING:
    from flink_testbed.kafka.service import KafkaService

_WRITE_S = _READ_S = 120.0
# A checkpoint commits the outputs before it. The job restarts after a failure, as in production,
# and gives up in the end.
_CHECKPOINTED = {
    "execution.checkpointing.interval": "1s",
    "restart-strategy.type": "fixed-delay",
    "restart-strategy.fixed-delay.attempts": "3",
    "restart-strategy.fixed-delay.delay": "100ms",
}
# The time of an output is the broker's. A job writes any time stamps; those of an agent are numbers of
# inputs, with which a broker refuses the records as too old, or deletes them soon.
_OUTPUTS_TOPIC = {"message.timestamp.type": "LogAppendTime"}


class TopicChannel(Channel):
    """A topic in, a topic out.

    Each has one partition, so that the records have an order; ``label`` is part of their names.

    ``connector`` is Flink's Kafka connector, for a job of the user's own. ``guarantee`` is ``exactly_once`` or
    ``at_least_once``. ``bootstrap`` is the job's address of Kafka, if it is not the usual one. With ``portions``,
    ``put`` writes the inputs with the numbers of the first one only.
    """

    name = "kafka"
    open_ended = True
    flink_options = MappingProxyType(_CHECKPOINTED)

    def __init__(
        self,
        inputs: Inputs,
        kafka: KafkaService,
        connector: Path,
        records: Records,
        *,
        label: str,
        bootstrap: str = "",
        guarantee: str = "exactly_once",
        conversation: Conversation | None = None,
        portions: Sequence[range] = (),
    ) -> None:
        super().__init__(inputs, conversation)
        self._portions = list(portions)
        self._sent = self._outputs_seen = 0
        self._paced = Paced()
        self._kafka = kafka
        self._label = label
        self._records = records
        self.inputs_topic = topic_name(kafka.run_id, f"{label}-in")
        self.outputs_topic = topic_name(kafka.run_id, f"{label}-out")
        self._made: list[str] = []
        self.values = {
            "input.topic": self.inputs_topic,
            "output.topic": self.outputs_topic,
            "kafka.bootstrap": bootstrap or kafka.job_bootstrap,
            "kafka.connector": str(connector),
        }
        self.source_and_sink = {
            "kafka": {
                "bootstrap": bootstrap or kafka.job_bootstrap,
                "inputs": self.inputs_topic,
                "outputs": self.outputs_topic,
                # The prefix of transactional ids: another run's job with the same prefix would
                # abort the transactions of this one.
                "transactions": self.outputs_topic,
                "guarantee": guarantee,
                "properties": dict(kafka.job_properties),
                # The job waits for inputs that are not there yet.
                "records": len(inputs) if conversation or portions else None,
            }
        }

    @property
    def kafka(self) -> KafkaService:
        """The Kafka of the topics."""
        return self._kafka

    def put(self) -> None:
        """Create the topics, and write the inputs that wait for nothing."""
        self._create(self.inputs_topic, {})
        self._create(self.outputs_topic, _OUTPUTS_TOPIC)
        if self._portions:
            self.send_portion()
            return
        held = frozenset(self.conversation.numbers) if self.conversation else frozenset()
        self._send(number for number in range(len(self.inputs)) if number not in held)

    def send_portion(self) -> None:
        """Write the next portion of the inputs."""
        self._send(self._portions.pop(0))

    def send_rest(self) -> None:
        """Write all portions that are left."""
        while self._portions:
            self.send_portion()

    def create_shadow(self) -> str:
        """Create a topic for the outputs of a second job, which :meth:`close` deletes, and return its name."""
        topic = topic_name(self._kafka.run_id, f"{self._label}-shadow")
        self._create(topic, _OUTPUTS_TOPIC)
        return topic

    def read_outputs(self, topic: str, start: int = 0) -> tuple[Output, ...]:
        """Return the committed records of a topic from an offset on."""
        records = self._kafka.read_committed(topic, timeout_s=_READ_S)
        later = (record for record in records if start == 0 or (record.offset is not None and record.offset >= start))
        return tuple(self._records.from_kafka(record, self.inputs) for record in later)

    def read_uncommitted(self, topic: str) -> tuple[Output, ...]:
        """Return the records of a topic that were written and not committed."""
        committed = {record.offset for record in self._kafka.read_committed(topic, timeout_s=_READ_S)}
        everything = self._kafka.read(topic, isolation="read_uncommitted", timeout_s=_READ_S)
        records = (record for record in everything if record.offset not in committed)
        return tuple(self._records.from_kafka(record, self.inputs) for record in records)

    def _send(self, numbers: Iterable[int]) -> None:
        """Write the inputs of these numbers, in order."""
        sending = list(numbers)
        records = (self._records.to_kafka(number, self.inputs[number]) for number in sending)
        self._kafka.produce(self.inputs_topic, records, timeout_s=_WRITE_S)
        self._sent += len(sending)

    def send_released(self) -> None:
        """Write the inputs that committed outputs have released, about once a second."""
        if self.conversation is None or not self.conversation.numbers or not self._paced.due():
            return
        outputs = self.outputs()
        for output in outputs[self._outputs_seen :]:
            self._send(self.conversation.after(output.key, output.value))
        self._outputs_seen = len(outputs)

    def outputs(self) -> tuple[Output, ...]:
        """Return the committed records."""
        return self.read_outputs(self.outputs_topic)

    def topics(self) -> TopicContent:
        """Return the number of input records, and the outputs that were written and not committed."""
        written = self._kafka.end_offsets(self.inputs_topic)
        return TopicContent(sum(written.values()), self.read_uncommitted(self.outputs_topic), self._sent)

    def _create(self, topic: str, config: Mapping[str, str]) -> None:
        self._kafka.create_topic(topic, config=config)
        self._made.append(topic)

    def close(self) -> None:
        """Delete the topics."""
        while self._made:
            self._kafka.delete_topic(self._made.pop())
