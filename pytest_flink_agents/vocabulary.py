"""Words and values that several parts of the harness share.

They are the fixed words of options, node ids, reports and event logs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# Types of flink-agents' own events, as event logs have them.
INPUT_EVENT, OUTPUT_EVENT = "_input_event", "_output_event"
CHAT_RESPONSE_EVENT, TOOL_REQUEST_EVENT = "_chat_response_event", "_tool_request_event"
OWN_EVENTS = (
    INPUT_EVENT,
    OUTPUT_EVENT,
    "_chat_request_event",
    CHAT_RESPONSE_EVENT,
    TOOL_REQUEST_EVENT,
    "_tool_response_event",
    "_context_retrieval_request_event",
    "_context_retrieval_response_event",
)
# Records about the execution of actions, which newer releases log beside the events.
LIFECYCLE_PREFIX = "_execution_"


def counted(number: int, noun: str) -> str:
    """Return a number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


class Word(str, Enum):
    """The base of enumerations whose members print as their words."""

    def __str__(self) -> str:
        return str(self.value)


class Tier(Word):
    """A place that scenarios run on.

    The words are part of options, node ids and reports.
    """

    LOCAL = "local"
    EMBEDDED = "embedded"
    CONTAINER = "container"
    REMOTE = "remote"


class Engine(Word):
    """A program that executes agents on Flink.

    ``auto`` is only a setting; a run has one of the other two.
    """

    AUTO = "auto"
    BUNDLED = "bundled"
    UPSTREAM = "upstream"


class RestAuth(Word):
    """Whether the REST API of embedded clusters is for this user only; ``auto`` depends on the machine."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class ModelMode(Word):
    """Sources of a scenario's model answers."""

    SCRIPTED = "scripted"
    REPLAY = "replay"
    RECORD = "record"
    LIVE = "live"


class RequirementKind(Word):
    """A kind of requirement that the ini file must allow.

    Such a requirement decides from which place code is installed.
    """

    URL = "url"
    VCS = "vcs"
    EDITABLE = "editable"
    FILE = "file"
    INDEX = "index"
    PATH = "path"


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """The prices of a million tokens of prompts and of completions."""

    prompt: float
    completion: float


class Standing(Word):
    """The state of a promise after a run with faults.

    ``not_promised`` is a promise that the run's configuration does not ask for.
    """

    KEPT = "kept"
    BROKEN = "broken"
    UNKNOWN = "unknown"
    NOT_PROMISED = "not promised"


@dataclass(frozen=True, slots=True)
class Promise:
    """A guarantee of Flink and its engine, and how it stands after one run; ``reason`` is empty if it was kept."""

    name: str
    standing: Standing
    reason: str = ""


class UpgradeMode(Word):
    """The start of the next version of an agent."""

    SAVEPOINT = "savepoint"
    LAST_STATE = "last-state"
    STATELESS = "stateless"
    BLUE_GREEN = "blue_green"
