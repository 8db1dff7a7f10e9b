"""The channel of a job that runs beside the one that serves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_flink_agents.evidence.model import Output, TopicContent
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.topic_channel import TopicChannel

if TYPE_CHECKING:
    from flink_testbed.kafka.service import KafkaService


class ShadowChannel(Channel):
    """The inputs of another channel, and an output topic whose records nobody is served, until :meth:`serve`.

    The other channel creates the topic, and deletes it in the end.
    """

    name = "kafka"
    open_ended = True
    flink_options = TopicChannel.flink_options

    def __init__(self, served: TopicChannel) -> None:
        super().__init__(served.inputs)
        self._served = served
        self._topic = topic = served.create_shadow()
        self._start: int | None = None
        self.values = {**served.values, "output.topic": topic}
        named = {"outputs": topic, "transactions": topic}
        self.source_and_sink = {"kafka": {**served.source_and_sink["kafka"], **named}}

    @property
    def kafka(self) -> KafkaService:
        """The Kafka of the topics."""
        return self._served.kafka

    def put(self) -> None:
        """Do nothing: the other channel writes the inputs."""

    def in_shadow(self) -> tuple[Output, ...]:
        """Return the committed records of the own topic."""
        return self._served.read_outputs(self._topic)

    def serve(self) -> int:
        """Serve the records that are committed from now on, after those of the other channel; return their offset."""
        (self._start,) = self.kafka.end_offsets(self._topic).values()
        return self._start

    def outputs(self) -> tuple[Output, ...]:
        """Return what was served: the outputs of the other channel, and then the own ones."""
        return (*self._served.outputs(), *self._own())

    def unserved(self) -> tuple[Output, ...]:
        """Return the committed records of the own topic that come before those that are served."""
        own = len(self._own())
        records = self.in_shadow()
        return records[: len(records) - own]

    def _own(self) -> tuple[Output, ...]:
        return () if self._start is None else self._served.read_outputs(self._topic, self._start)

    def topics(self) -> TopicContent:
        """Return the number of input records, and the outputs of both topics that were not committed."""
        content = self._served.topics()
        uncommitted = (*content.uncommitted, *self._served.read_uncommitted(self._topic))
        return replace(content, uncommitted=uncommitted)

    def send_released(self) -> None:
        """Do nothing: no input waits for an output."""

    def close(self) -> None:
        """Do nothing: the other channel deletes the topic."""
