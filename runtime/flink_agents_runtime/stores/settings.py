"""From a job's options to its action state store."""

from __future__ import annotations

from flink_agents.plan.configuration import AgentConfiguration

from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.action_record import StoreError
from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.plan.agent_reference import PlanError

_BACKEND = "actionStateStoreBackend"
_TOPIC = "kafkaActionStateTopic"


def check_store(config: AgentConfiguration) -> bool:
    """Whether the options name a store. Raises :class:`PlanError` or OptionError for one that cannot be."""
    backend = option(config, _BACKEND)
    if backend == "fluss":
        raise PlanError(
            "the bundled engine has no Fluss action state store: there is no Fluss server that its tests could run against",
            expected=f"{_BACKEND}: kafka",
            seen=backend,
            next_step="use kafka, or run this agent with the upstream engine",
        )
    if backend is not None and not option(config, _TOPIC):
        raise PlanError(
            "the Kafka action state store has no topic",
            expected=f"{_TOPIC}: the name of a topic",
            seen=repr(option(config, _TOPIC)),
            next_step="name one that nothing else writes to; it is created if there is none",
        )
    return backend is not None


def open_store(config: AgentConfiguration, job: str) -> ActionStateStore | None:
    """The store that the options name, open, or None where they name none.

    Its records are those of ``job``. Raises what :func:`check_store` raises, and :class:`StoreError` where the store
    cannot be opened.
    """
    if not check_store(config):
        return None
    try:
        from flink_agents_runtime.stores.kafka import KafkaStore, KafkaTopic
    except ImportError as error:
        raise StoreError(
            f"{_BACKEND} is kafka, and the job environment has no usable confluent-kafka: {error}; install it there"
        ) from error
    topic = KafkaTopic(
        option(config, "kafkaBootstrapServers"),
        option(config, _TOPIC),
        option(config, "kafkaActionStateTopicNumPartitions"),
        option(config, "kafkaActionStateTopicReplicationFactor"),
    )
    return KafkaStore(topic, job)
