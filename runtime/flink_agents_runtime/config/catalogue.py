"""The options of flink-agents as data: key, kind, default and words.

The source is flink-agents 0.3.1 (AgentConfigOptions, AgentExecutionOptions, LongTermMemoryOptions); a
test compares this table with the declarations of the installed release. Imports the standard library
only, because the harness reads it, too.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any


class Kind(str, Enum):
    """The type of an option's value.

    The value of a member is its name in messages and docs.
    """

    STR = "string"
    BOOL = "true or false"
    INT = "integer"
    ENUM = "enumeration"
    LIST = "list of strings"

    def __str__(self) -> str:
        return self.value


# The levels of the event log.
OFF, STANDARD, VERBOSE = LEVELS = ("OFF", "STANDARD", "VERBOSE")
_TYPE_LEVEL = re.compile(r"event-log\.type\.(?P<type>.+)\.level")
_SECRET = re.compile(r"password|secret|token|jaas|api[-_.]?key|credential", re.IGNORECASE)
_NEAR = 0.85


@dataclass(frozen=True, slots=True)
class Option:
    """One option.

    ``words`` are the values of an enumeration, ``minimum`` the smallest allowed int. ``refused`` is
    the reason why the bundled engine cannot honour the option; ``ours`` marks an option of the
    bundled engine alone.
    """

    key: str
    kind: Kind = Kind.STR
    default: Any = None
    words: tuple[str, ...] = ()
    minimum: int = 0
    refused: str = ""
    ours: bool = False


# How often a model may ask for tools in the run of one input, 0 for no limit. Upstream has no limit.
TOOL_ROUNDS = "tool-call.max-rounds"
# How many events other than outputs the run of one input may have, 0 for no limit. Upstream has no limit.
RUN_EVENTS = "max-events-per-input"
# The Java for the parts of an agent in Java: its directory, jars, and the time that one call may take.
JAVA_HOME = "java.home"
JAVA_CLASS_PATH = "java.class-path"
JAVA_CALL_MS = "java.call-timeout-ms"

_DECLARED = (
    Option("eventLoggerType", Kind.ENUM, "slf4j", ("slf4j", "file")),
    Option("baseLogDir"),
    Option("prettyPrint", Kind.BOOL, False),
    Option("event-listeners", Kind.LIST, refused="event listeners are Java classes, and the engine is Python"),
    Option("event-log.level", Kind.ENUM, "STANDARD", LEVELS),
    Option("event-log.standard.max-string-length", Kind.INT, 2000),
    Option("event-log.standard.max-array-elements", Kind.INT, 20),
    Option("event-log.standard.max-depth", Kind.INT, 5),
    Option("actionStateStoreBackend", Kind.ENUM, None, ("kafka", "fluss")),
    Option("kafkaBootstrapServers", default="localhost:9092"),
    Option("kafkaActionStateTopic"),
    Option("kafkaActionStateTopicNumPartitions", Kind.INT, 64, minimum=1),
    Option("kafkaActionStateTopicReplicationFactor", Kind.INT, 1, minimum=1),
    Option("flussBootstrapServers", default="localhost:9123"),
    Option("flussActionStateDatabase", default="flink_agents"),
    Option("flussActionStateTable"),
    Option("flussActionStateTableBuckets", Kind.INT, 64, minimum=1),
    Option("flussSecurityProtocol", Kind.ENUM, "PLAINTEXT", ("PLAINTEXT", "SASL")),
    Option("flussSaslMechanism", default="PLAIN"),
    Option("flussSaslJaasConfig"),
    Option("flussSaslUsername"),
    Option("flussSaslPassword"),
    Option("job-identifier"),
    Option("error-handling-strategy", Kind.ENUM, "fail", ("retry", "fail", "ignore")),
    Option("max-retries", Kind.INT, 3),
    Option("retry-wait-interval", Kind.INT, 1),
    Option("num-async-threads", Kind.INT, (os.cpu_count() or 1) * 2, minimum=1),
    Option("chat.async", Kind.BOOL, True),
    Option("tool-call.async", Kind.BOOL, True),
    Option("rag.async", Kind.BOOL, True),
    Option("short-term-memory.state-ttl.ms", Kind.INT, 0),
    Option(
        "short-term-memory.state-ttl.update-type",
        Kind.ENUM,
        "ON_READ_AND_WRITE",
        ("ON_CREATE_AND_WRITE", "ON_READ_AND_WRITE"),
    ),
    Option(
        "short-term-memory.state-ttl.visibility",
        Kind.ENUM,
        "NEVER_RETURN_EXPIRED",
        ("NEVER_RETURN_EXPIRED", "RETURN_EXPIRED_IF_NOT_CLEANED_UP"),
    ),
    Option("long-term-memory.mem0.chat-model-setup"),
    Option("long-term-memory.mem0.embedding-model-setup"),
    Option("long-term-memory.mem0.vector-store"),
    Option(TOOL_ROUNDS, Kind.INT, 200, ours=True),
    Option(RUN_EVENTS, Kind.INT, 10_000, ours=True),
    Option(JAVA_HOME, ours=True),
    Option(JAVA_CLASS_PATH, Kind.LIST, ours=True),
    Option(JAVA_CALL_MS, Kind.INT, 60_000, minimum=1, ours=True),
)
CATALOGUE: Mapping[str, Option] = MappingProxyType({option.key: option for option in _DECLARED})

# Options of flink-agents 0.4, which 0.3 ignores silently.
LATER = frozenset(
    {
        "event-log.trace.enabled",
        "action.trigger-condition.evaluate-failure-strategy",
        "agent-run.begin-event",
        "memory.generate-event",
        "memory.generate-event.short-term-write",
        "memory.generate-event.short-term-read",
        "memory.generate-event.sensory-write",
        "memory.generate-event.sensory-read",
        "memory.generate-event.long-term-update",
        "memory.generate-event.long-term-get",
        "memory.generate-event.long-term-search",
        "async.batch.parallelism",
        "async.batch.timeout.ms",
        "parallel-execution.enabled",
        "max-in-flight-input-records",
        "kafkaActionStateTombstoneEnabled",
        "kafkaActionStateCleanupControlTopic",
        "trace-log.targets",
        "trace-log.output-type",
        "trace-log.base-dir",
        "trace-log.pretty-print",
        "trace-log.standard.max-string-length",
        "trace-log.standard.max-array-elements",
        "trace-log.standard.max-depth",
    }
)

# Options that 0.4 rejects when a job starts, with their successors. Source: its monitoring page.
_REJECTED = MappingProxyType(
    {
        "eventLoggerType": "trace-log.output-type",
        "baseLogDir": "trace-log.base-dir",
        "prettyPrint": "trace-log.pretty-print",
        "event-log.level": "trace-log.targets",
        "event-log.standard.max-string-length": "trace-log.standard.max-string-length",
        "event-log.standard.max-array-elements": "trace-log.standard.max-array-elements",
        "event-log.standard.max-depth": "trace-log.standard.max-depth",
    }
)
# Options that 0.4 no longer reads, with what it reads instead.
_DROPPED = MappingProxyType({"error-handling-strategy": "max-retries"})


def rejected_by_0_4(key: str) -> str | None:
    """Return the successor of an option that flink-agents 0.4 rejects, None for another key."""
    return "trace-log.targets" if key.startswith("event-log.") and key not in _REJECTED else _REJECTED.get(key)


def dropped_by_0_4(key: str) -> str | None:
    """Return what flink-agents 0.4 reads instead of an option that it ignores, None for another key."""
    return _DROPPED.get(key)


def option_for(key: str) -> Option | None:
    """Return the option of this key, None for an agent's own key."""
    if type_level(key) is not None:
        return Option(key, Kind.ENUM, None, LEVELS)
    return CATALOGUE.get(key)


def type_level(key: str) -> str | None:
    """Return the event type in ``event-log.type.<TYPE>.level``, None for another key."""
    match = _TYPE_LEVEL.fullmatch(key)
    return match["type"] if match else None


def nearest_key(key: str) -> str | None:
    """Return the option that an unknown key most resembles, or None."""
    known = {_plain(each): each for each in (*CATALOGUE, *LATER)}
    plain = _plain(key)
    if plain in known:
        return known[plain]
    near = difflib.get_close_matches(plain, known, n=1, cutoff=_NEAR)
    return known[near[0]] if near else None


def is_secret(key: str) -> bool:
    """Return True if the value of this key must not be shown."""
    return bool(_SECRET.search(key))


def _plain(key: str) -> str:
    """Return the key without the characters that join its words."""
    return re.sub(r"[^a-z0-9]", "", key.lower())
