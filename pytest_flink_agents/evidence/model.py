"""The evidence of one run: the only input of checks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.evidence.action_state import ActionState
from pytest_flink_agents.evidence.model_calls import ModelCall, ModelSource
from pytest_flink_agents.evidence.plan_reading import PlanReading
from pytest_flink_agents.evidence.replays import Replays
from pytest_flink_agents.evidence.upgrade import Upgrade

# The job id in the log layout of the clusters that this package starts.
_JOB_MARK = re.compile(r" \[(?P<id>[0-9a-f]{32})\] - ")


@dataclass(frozen=True, slots=True)
class Output:
    """One output of the job: its key and its JSON value, in the order of arrival.

    ``input`` is the number of the input that caused it, counted from 0; None if the job does not record it. ``at_s`` is
    the time at which the broker stored its record, in seconds since 1970; None without a topic.
    """

    key: Any
    value: Any
    input: int | None = None
    at_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Event:
    """One record of the event log in a form common to all releases.

    ``key`` is None if the log does not have it. ``input`` is the number of the input of its run, None if the log does not
    have it: only upstream's engine writes it.
    """

    type: str
    attributes: Mapping[str, Any]
    key: Any = None
    timestamp: str = ""
    input: int | None = None


@dataclass(frozen=True, slots=True)
class HeldInput:
    """An input that was never sent, because it waited for an output of its key.

    ``entry`` is its place under ``inputs``, ``expected`` the output that it waits for. ``behind`` is the number of inputs of
    the key after it. ``doubt`` says why the outputs could not be compared, and is empty if they were.
    """

    number: int
    key: Any
    entry: int
    expected: str
    behind: int = 0
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class MemoryOfKey:
    """The short-term memory of one key at the end of a run: its values by dotted path."""

    key: Any
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LogError:
    """A log entry of level ERROR or above, or a crash report of a JVM.

    ``detail`` has the lines behind it.
    """

    file: str
    line: str
    detail: str = ""
    crash: bool = False

    @property
    def job_id(self) -> str:
        """The id of the job in the line, empty without one.

        Only clusters that this package starts write it.
        """
        mark = _JOB_MARK.search(self.line)
        return mark["id"] if mark else ""

    @property
    def said(self) -> str:
        """The line without the id of the job."""
        return _JOB_MARK.sub(" [] - ", self.line, count=1)


# The place of a failure in upstream's engine if several runs can have failed.
UNLOCATED = "key and input unknown (upstream's engine does not report them)"


@dataclass(frozen=True, slots=True)
class Failure:
    """The failure of the job itself: the exception of its agent, and its place.

    ``located`` is False if an action failed, and its key and input are unknown.
    """

    message: str
    type: str = ""
    traceback: str = ""
    agent: str = ""
    action: str = ""
    key: Any = None
    input: Any = None
    located: bool = True

    @property
    def words(self) -> str:
        """Type and message, as Python prints an exception.

        The message alone may be a mere key, or empty.
        """
        return ": ".join(filter(None, (self.type, self.message)))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint or savepoint that was completed; ``completed_s`` is in seconds since 1970."""

    id: int
    completed_s: float
    savepoint: bool = False


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The numbers of checkpoints that a job completed, failed to complete, and restored from.

    ``seen`` are the completed ones, oldest first: Flink remembers the last ten, which are read once a second.
    ``restored_s`` is the time of the last restore, in seconds since 1970, None without one; ``restored_path`` is where
    its checkpoint or savepoint is stored, empty if Flink does not say.
    """

    completed: int = 0
    failed: int = 0
    restored: int = 0
    seen: tuple[Checkpoint, ...] = ()
    restored_s: float | None = None
    restored_path: str = ""


@dataclass(frozen=True, slots=True)
class JobException:
    """One failure that ended or restarted a job on Flink."""

    at_ms: int
    message: str
    task: str = ""


@dataclass(frozen=True, slots=True)
class StepRecord:
    """The result of one step of the run's timeline.

    ``fired_after_s`` is None if the trigger never fired. ``felt`` is True if the act had its effect on the run, and None if
    it was not performed. ``detail`` is the act's result (the path of a savepoint), or the error that it ended with.
    ``interrupted`` is True if a fault restarted or ended the job. ``recovered_after_s`` is the time from the fault until
    all tasks ran again, None if they did not, or if the job was not interrupted.
    ``began_s`` and ``ended_s`` are the act's beginning and end, in seconds since 1970, None if it was not performed.
    """

    trigger: str
    act: str
    fired_after_s: float | None = None
    felt: bool | None = None
    detail: str = ""
    recovered_after_s: float | None = None
    interrupted: bool = False
    began_s: float | None = field(default=None, compare=False)
    ended_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class TopicContent:
    """The records of a run's topics that are not evidence by themselves.

    ``inputs`` counts the records in the topic of the inputs; ``uncommitted`` are outputs of transactions that were
    aborted or never ended. ``sent`` counts the inputs that the broker acknowledged, None if nobody counted them.
    """

    inputs: int
    uncommitted: tuple[Output, ...] = ()
    sent: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that one run produced: the only thing that checks may look at.

    ``complete`` is False if a deadline cut the run short: a missing output proves nothing then. ``started`` is False if the
    job on Flink never ran at all. ``stopped`` says that the job was unbounded, and was cancelled once the expected outputs
    had arrived. ``transport`` is ``memory``, ``files`` or ``kafka``; ``input_keys`` has the key of each input by its number.
    ``held_inputs`` were never sent. ``config`` has the effective options of flink-agents, ``flink_config`` those of Flink,
    each with ``value``, ``source`` and ``note``. ``plan`` is how the other language reads the agent's plan, None if that
    is unknown: only upstream's engine has both languages.

    ``models`` says where the answers to ``model_calls`` came from, None for a script.
    ``effects`` are the calls to the outside; None if no ledger recorded them. ``effects_unknown`` and ``events_unknown``
    say why calls and events may be missing, and are empty if all are there.

    ``log_errors`` are errors in the logs of the cluster, or of the agent on the local tier; None if no logs are in reach.
    ``blocked`` are the addresses that the scenario's network did not allow, None if nothing limited the connections.
    ``printed`` is what the agent printed and logged on the local tier. On Flink, ``checkpoints`` are counted, ``exceptions``
    (oldest first) ended or restarted the job. ``metrics`` are None if none are known;
    they are final if the agent wrote them at its end, and else those that Flink showed last. ``memory`` is None if it
    was not asked for or is not known, and for a run without an end. ``steps`` records the timeline.
    ``action_states`` are the records of the action state store, None if there is none; ``action_states_unknown`` says why
    they may be incomplete. ``topics`` is known of runs through Kafka with steps. ``upgrade`` has the versions of a
    rehearsed upgrade, None without one; ``job_id``, ``job_state`` and ``ui_url`` are then those of the last job.

    ``plan_digest`` is that of the agent's plan as it was executed, None if the harness made no plan, empty if it is not known.

    ``seed`` is the seed of the order of keys and calls, None without one. ``replays`` are the runs again from crash points,
    None if the scenario has none.
    """

    tier: str
    flink_version: str
    engine: str
    outputs: tuple[Output, ...] = ()
    events: tuple[Event, ...] = ()
    events_unknown: str = ""
    model_calls: tuple[ModelCall, ...] = ()
    models: ModelSource | None = None
    effects: tuple[EffectCall, ...] | None = None
    effects_unknown: str = ""
    failure: Failure | None = None
    started: bool = True
    complete: bool = True
    timed_out_after_s: float | None = None
    input_keys: tuple[Any, ...] = ()
    held_inputs: tuple[HeldInput, ...] = ()
    transport: str = "memory"
    stopped: bool = False
    job_id: str = ""
    job_state: str = ""
    ui_url: str = ""
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    flink_config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plan: PlanReading | None = None
    metrics: Mapping[str, float] | None = None
    metrics_final: bool = False
    memory: tuple[MemoryOfKey, ...] | None = None
    timings_s: Mapping[str, float] = field(default_factory=dict)
    checkpoints: Checkpoints | None = None
    restarts: int = 0
    exceptions: tuple[JobException, ...] = ()
    log_tail: str = ""
    log_errors: tuple[LogError, ...] | None = None
    blocked: tuple[str, ...] | None = None
    printed: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    steps: tuple[StepRecord, ...] = ()
    topics: TopicContent | None = None
    action_states: tuple[ActionState, ...] | None = None
    action_states_unknown: str = ""
    upgrade: Upgrade | None = None
    plan_digest: str | None = None
    seed: int | None = None
    replays: Replays | None = None
