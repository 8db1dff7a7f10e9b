"""The events of each input, taken from the event log.

A key handles its inputs one after the other, so an event belongs to the last input of its key.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pytest_flink_agents.checks.bounds import CUT_SHORT
from pytest_flink_agents.checks.outputs import identity
from pytest_flink_agents.evidence.model import Event, Evidence
from pytest_flink_agents.vocabulary import INPUT_EVENT


@dataclass(frozen=True, slots=True)
class LoggedInput:
    """One input with the events from its input event to that of the next input of the key."""

    number: int
    key: Any
    events: list[Event] = field(default_factory=list)


def log_doubt(evidence: Evidence) -> str:
    """Return the reason for which the event log may lack events, empty if there is none."""
    if evidence.events_unknown:
        return evidence.events_unknown
    for name, option in evidence.config.items():
        if name.startswith("event-log.") and str(option.get("value")).upper() == "OFF":
            return f"{name} is OFF, so events are missing from the log"
    return ""


def input_runs(evidence: Evidence) -> tuple[list[LoggedInput], str]:
    """Return the runs of all inputs in the log, and the reason for which they cannot be trusted.

    The reason is empty if the log is whole and has exactly the input events that it must have.
    """
    if doubt := log_doubt(evidence):
        return [], doubt
    numbers: dict[str, list[int]] = {}
    for number, key in enumerate(evidence.input_keys):
        numbers.setdefault(identity(key), []).append(number)
    only = next(iter(numbers)) if len(numbers) == 1 else None
    begun: dict[str, int] = {}
    current: dict[str, LoggedInput] = {}
    runs: list[LoggedInput] = []
    for event in evidence.events:
        key = only if event.key is None else identity(event.key)
        if key is None:
            return [], "the event log does not have the keys of the events"
        if event.type == INPUT_EVENT:
            place = begun.get(key, 0)
            if place >= len(numbers.get(key, ())):
                return runs, _more_than_given(evidence)
            begun[key] = place + 1
            number = numbers[key][place]
            current[key] = LoggedInput(number, evidence.input_keys[number])
            runs.append(current[key])
        if key in current:
            current[key].events.append(event)
    return runs, _incomplete(runs, evidence)


def _more_than_given(evidence: Evidence) -> str:
    because = ", because the job restarted" if evidence.restarts else ""
    return f"the event log has more input events than there are inputs{because}"


def _incomplete(runs: list[LoggedInput], evidence: Evidence) -> str:
    if not runs:
        return "no input event was logged"
    if evidence.restarts:
        return "the job restarted, and a restart repeats events"
    if len(runs) < len(evidence.input_keys):
        return f"the event log has {len(runs)} of {len(evidence.input_keys)} input events"
    return "" if evidence.complete else CUT_SHORT
