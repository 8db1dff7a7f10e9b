"""Open the action state store that a job's options name."""

from __future__ import annotations

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.action_record import StoreError
from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.plan.agent_reference import PlanError

_BACKEND = "actionStateStoreBackend"
_TOPIC = "kafkaActionStateTopic"


def check_store(config: AgentConfiguration) -> bool:
    """Return True if the options name a store.

    Raises :class:`PlanError` or OptionError for a store that is unsupported or incomplete.
    """
    backend = option(config, _BACKEND)
    if backend == "fluss":
        raise PlanError(
            "the bundled engine does not support the Fluss action state store, which cannot be tested without a Fluss server",
            expected=f"{_BACKEND}: kafka",
            seen=backend,
            next_step="use kafka, or run this agent with the upstream engine",
        )
    if backend is not None and not option(config, _TOPIC):
        raise PlanError(
            "the Kafka action state store needs a topic",
            expected=f"{_TOPIC}: the name of a topic",
            seen=repr(option(config, _TOPIC)),
            next_step="name a topic that nothing else writes to; it is created if it does not exist",
        )
    return backend is not None


def open_store(config: AgentConfiguration, job: str) -> ActionStateStore | None:
    """Return the opened store that the options name, if any.

    ``job`` identifies the records. Raises :class:`StoreError` if the store cannot be opened, and the
    errors of :func:`check_store`.
    """
    if not check_store(config):
        return None
    try:
        from flink_agents_runtime.stores.kafka import KafkaStore
        from flink_agents_runtime.stores.kafka_topic import KafkaTopic
    except ImportError as error:
        raise StoreError(
            f"{_BACKEND}: kafka needs confluent-kafka, which the job environment cannot import ({error}); "
            "add it to the requirements of the job"
        ) from error
    topic = KafkaTopic(
        option(config, "kafkaBootstrapServers"),
        option(config, _TOPIC),
        option(config, "kafkaActionStateTopicNumPartitions"),
        option(config, "kafkaActionStateTopicReplicationFactor"),
    )
    return KafkaStore(topic, job)
