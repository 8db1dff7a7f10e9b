"""The options of flink-agents as data: key, kind, default, words. Imports the standard library only: the harness reads it too.

The facts are those of flink-agents 0.3.1 (AgentConfigOptions, AgentExecutionOptions, LongTermMemoryOptions); a test
compares them with what the installed release declares.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

Kind = Literal["text", "true or false", "whole number", "word", "list of texts"]

# The levels of the event log.
OFF, STANDARD, VERBOSE = LEVELS = ("OFF", "STANDARD", "VERBOSE")
_TYPE_LEVEL = re.compile(r"event-log\.type\.(?P<type>.+)\.level")
_NEAR = 0.85


@dataclass(frozen=True, slots=True)
class Option:
    """One option. ``words`` are those of a ``word``; ``least`` is the smallest number that has a meaning.

    ``refused`` says why the bundled engine cannot honour it; ``ours`` is set where only the bundled engine knows it.
    """

    key: str
    kind: Kind = "text"
    default: Any = None
    words: tuple[str, ...] = ()
    least: int = 0
    refused: str = ""
    ours: bool = False


# How often a model may ask for tools in the run of one input; 0 is as often as it likes. Upstream has no such limit.
TOOL_ROUNDS = "tool-call.max-rounds"

_DECLARED = (
    Option("eventLoggerType", "word", "slf4j", ("slf4j", "file")),
    Option("baseLogDir"),
    Option("prettyPrint", "true or false", False),
    Option("event-listeners", "list of texts", refused="event listeners are Java classes, and the engine is Python"),
    Option("event-log.level", "word", "STANDARD", LEVELS),
    Option("event-log.standard.max-string-length", "whole number", 2000),
    Option("event-log.standard.max-array-elements", "whole number", 20),
    Option("event-log.standard.max-depth", "whole number", 5),
    Option("actionStateStoreBackend", "word", None, ("kafka", "fluss")),
    Option("kafkaBootstrapServers", default="localhost:9092"),
    Option("kafkaActionStateTopic"),
    Option("kafkaActionStateTopicNumPartitions", "whole number", 64, least=1),
    Option("kafkaActionStateTopicReplicationFactor", "whole number", 1, least=1),
    Option("flussBootstrapServers", default="localhost:9123"),
    Option("flussActionStateDatabase", default="flink_agents"),
    Option("flussActionStateTable"),
    Option("flussActionStateTableBuckets", "whole number", 64, least=1),
    Option("flussSecurityProtocol", "word", "PLAINTEXT", ("PLAINTEXT", "SASL")),
    Option("flussSaslMechanism", default="PLAIN"),
    Option("flussSaslJaasConfig"),
    Option("flussSaslUsername"),
    Option("flussSaslPassword"),
    Option("job-identifier"),
    Option("error-handling-strategy", "word", "fail", ("retry", "fail", "ignore")),
    Option("max-retries", "whole number", 3),
    Option("retry-wait-interval", "whole number", 1),
    Option("num-async-threads", "whole number", (os.cpu_count() or 1) * 2, least=1),
    Option("chat.async", "true or false", True),
    Option("tool-call.async", "true or false", True),
    Option("rag.async", "true or false", True),
    Option("short-term-memory.state-ttl.ms", "whole number", 0),
    Option(
        "short-term-memory.state-ttl.update-type",
        "word",
        "ON_READ_AND_WRITE",
        ("ON_CREATE_AND_WRITE", "ON_READ_AND_WRITE"),
    ),
    Option(
        "short-term-memory.state-ttl.visibility",
        "word",
        "NEVER_RETURN_EXPIRED",
        ("NEVER_RETURN_EXPIRED", "RETURN_EXPIRED_IF_NOT_CLEANED_UP"),
    ),
    Option("long-term-memory.mem0.chat-model-setup"),
    Option("long-term-memory.mem0.embedding-model-setup"),
    Option("long-term-memory.mem0.vector-store"),
    Option(TOOL_ROUNDS, "whole number", 200, ours=True),
)
CATALOGUE: Mapping[str, Option] = MappingProxyType({option.key: option for option in _DECLARED})

# Options of flink-agents 0.4, which 0.3 passes over without a word.
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
    }
)


def option_for(key: str) -> Option | None:
    """The option of this key, None for one that flink-agents does not declare: agents may read keys of their own."""
    if type_level(key) is not None:
        return Option(key, "word", None, LEVELS)
    return CATALOGUE.get(key)


def type_level(key: str) -> str | None:
    """The event type whose level ``event-log.type.<TYPE>.level`` sets, None for another key."""
    match = _TYPE_LEVEL.fullmatch(key)
    return match["type"] if match else None


def nearest_key(key: str) -> str | None:
    """The option that a key unknown to flink-agents was probably meant to be, None where it is like none."""
    known = {_plain(each): each for each in (*CATALOGUE, *LATER)}
    plain = _plain(key)
    if plain in known:
        return known[plain]
    near = difflib.get_close_matches(plain, known, n=1, cutoff=_NEAR)
    return known[near[0]] if near else None


def is_secret(key: str) -> bool:
    """Whether the value of this key should not be shown."""
    return bool(re.search(r"password|secret|token|jaas|api[-_.]?key|credential", key, re.IGNORECASE))


def _plain(key: str) -> str:
    """What is left of a key when it does not matter how its words are joined."""
    return re.sub(r"[^a-z0-9]", "", key.lower())
