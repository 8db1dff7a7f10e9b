"""What a run leaves behind: the only thing that checks may look at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Where the layout of our clusters' logs has the id of the job that a thread of Flink's works for.
_JOB_MARK = re.compile(r" \[(?P<id>[0-9a-f]{32})\] - ")


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the job: the key it was made under and its JSON value, in the order of arrival.

    ``input`` is the number of the input that led to it, from 0; None where the job does not tell.
    """

    key: Any
    value: Any
    input: int | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the event log, normalised: type, attributes as JSON, and the key where the log tells it."""

    type: str
    attributes: Mapping[str, Any]
    key: Any = None
    timestamp: str = ""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One request that the model server got, texts to embed as messages in the role ``embedding``.

    ``rule`` is the index of the script's rule that answered, None where none did; ``nearest`` says why a chat was refused.
    """

    wire: str
    model: str
    messages: tuple[Mapping[str, Any], ...]
    rule: int | None
    reply: Mapping[str, Any]
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class LogError:
    """An entry of level ERROR or above in one of the cluster's logs, or a JVM's crash report; ``detail`` is what follows."""

    file: str
    line: str
    detail: str = ""
    crash: bool = False

    @property
    def job_id(self) -> str:
        """The job that the line is marked with, as on clusters that we start; empty where none is."""
        mark = _JOB_MARK.search(self.line)
        return mark["id"] if mark else ""

    @property
    def said(self) -> str:
        """The line without that mark."""
        return _JOB_MARK.sub(" [] - ", self.line, count=1)


@dataclass(frozen=True, slots=True)
class Failure:
    """The job's own failure: what its agent raised, and where."""

    message: str
    type: str = ""
    traceback: str = ""
    agent: str = ""
    action: str = ""
    key: Any = None
    input: Any = None

    @property
    def words(self) -> str:
        """Type and message, as Python tells an exception: a bare message may be no more than a key, or nothing."""
        return ": ".join(filter(None, (self.type, self.message)))


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """How many checkpoints of a job were completed, failed, and gone on from."""

    completed: int = 0
    failed: int = 0
    restored: int = 0


@dataclass(frozen=True, slots=True)
class JobException:
    """One failure of a job on Flink, whether it ended the job or had it restarted: when (ms since 1970), what, which task."""

    at_ms: int
    message: str
    task: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """What became of one step of the run's timeline.

    ``fired_after_s`` is None if the trigger never came due. ``felt`` says whether the act had its effect on the run, None if
    it was not performed. ``detail`` is the act's result (the path of a savepoint), or the error that it ended with.
    """

    trigger: str
    act: str
    fired_after_s: float | None = None
    felt: bool | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that one run produced: the only thing that checks may look at.

    ``complete`` is False if a deadline cut the run short: a missing output proves nothing then. ``started`` is False if the
    job on Flink never ran at all. ``stopped`` says that the job was unbounded, and was cancelled once the expected outputs
    had arrived. ``transport`` is ``memory``, ``files`` or ``kafka``; ``input_keys`` has the key of each input by its number.
    ``config`` has the effective options, each with ``value``, ``source`` and ``note``.

    ``log_errors`` are errors in the logs of the cluster, or of the agent on the local tier; None if no logs are in reach.
    ``printed`` is what the agent printed and logged on the local tier. On Flink, ``checkpoints`` are counted, ``exceptions``
    (oldest first) ended or restarted the job, and ``metrics`` are the last values seen. ``steps`` records the timeline.
    ``seed`` is the seed of the order of keys and calls, None without one.
    """

    tier: str
    flink_version: str
    engine: str
    outputs: tuple[Output, ...] = ()
    events: tuple[Event, ...] = ()
    model_calls: tuple[ModelCall, ...] = ()
    failure: Failure | None = None
    started: bool = True
    complete: bool = True
    timed_out_after_s: float | None = None
    input_keys: tuple[Any, ...] = ()
    transport: str = "memory"
    stopped: bool = False
    job_id: str = ""
    job_state: str = ""
    ui_url: str = ""
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    timings_s: Mapping[str, float] = field(default_factory=dict)
    checkpoints: Checkpoints | None = None
    restarts: int = 0
    exceptions: tuple[JobException, ...] = ()
    log_tail: str = ""
    log_errors: tuple[LogError, ...] | None = None
    printed: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[StepRecord, ...] = ()
    seed: int | None = None
