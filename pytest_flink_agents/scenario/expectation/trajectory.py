"""The word ``expect.trajectory``: the events and tool calls of a key.

Must never import: yaml, pytest.
"""

from __future__ import annotations

import difflib
import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator
from typing_extensions import Self

from pytest_flink_agents.scenario.mapping import LanguageMapping, SomeItems, list_or_mapping
from pytest_flink_agents.scenario.words import FORM, NotEmpty, has_form, wrong
from pytest_flink_agents.vocabulary import INPUT_EVENT, LIFECYCLE_PREFIX, OWN_EVENTS

_AT_ONCE = 2
# Nearer than an agent's own type that merely has a part of the name, such as `_late_output_event`.
_MISTYPED = 0.93


def _event_type(text: str) -> str:
    """Refuse a mistyped type of flink-agents' own: below `never` it would pass every run."""
    if text.startswith(LIFECYCLE_PREFIX):
        message = "a step that can never match: records about the execution of actions are no events"
        raise wrong("the type of an event, or a tool", message=message, code="FA209")
    if text not in OWN_EVENTS and (own := _own_event(text)):
        message = f'"{text}" is not the type of an event of flink-agents'
        raise wrong("the type of an event", message=message, next_step=f'did you mean "{own}"?')
    return text


def _own_event(text: str) -> str | None:
    """Return the type that a text was meant to be: the name of its class, or one with a wrong letter."""
    letters = re.sub("[^a-z]", "", text.lower())
    of_class = next((own for own in OWN_EVENTS if own.replace("_", "") == letters), None)
    return of_class or next(iter(difflib.get_close_matches(text, OWN_EVENTS, 1, cutoff=_MISTYPED)), None)


EventType = Annotated[NotEmpty, AfterValidator(_event_type)]


class ToolStep(LanguageMapping):
    """One tool call that the model asked for."""

    tool: NotEmpty = Field(description="name of the tool")
    args: Any = Field(None, description="its arguments, each a matcher; arguments that are not named may be anything")


class EventStep(LanguageMapping):
    """One event with attributes."""

    event: EventType = Field(description="type of the event")
    attributes: Any = Field(
        None, description="its attributes, each a matcher; attributes that are not named may be anything"
    )


class ParallelStep(LanguageMapping):
    """Several tool calls that the model asked for at once, in any order."""

    parallel: SomeItems[ToolStep] = Field(description="the calls of one request, and no others")

    @model_validator(mode="after")
    def _has_two(self) -> Self:
        if len(self.parallel) < _AT_ONCE:
            raise wrong("at least two calls", next_step="write a single call as {tool: NAME}")
        return self


def _step_form(value: Any) -> str | None:
    if isinstance(value, str):
        return FORM + "type"
    if not isinstance(value, dict):
        return None
    return FORM + next((word for word in ("parallel", "event") if word in value), "tool")


def _is_input_event(step: Any) -> bool:
    """Return whether a step is any input event, in either form."""
    return step == INPUT_EVENT or (
        isinstance(step, EventStep) and step.model_fields_set == {"event"} and step.event == INPUT_EVENT
    )


Step = Annotated[
    Annotated[EventType, Tag(FORM + "type")]
    | Annotated[ToolStep, Tag(FORM + "tool")]
    | Annotated[EventStep, Tag(FORM + "event")]
    | Annotated[ParallelStep, Tag(FORM + "parallel")],
    Discriminator(_step_form),
    has_form(_step_form, "an event's type, {tool: NAME}, {event: TYPE} or {parallel: [{tool: NAME}, ...]}"),
]


class ExpectedTrajectory(LanguageMapping):
    """The events and tool calls of one key, or of every key with an input.

    ``exact``, ``unordered`` and ``at_most`` account for every event or, if all steps are about
    tools, for every tool request; calls of one request are one ``parallel`` step there.
    """

    key: Any = Field(None, description="the key; default: every key with an input, each for itself")
    match: Literal["exact", "in_order", "unordered", "at_least", "at_most"] = Field(
        "in_order",
        description="exact: these steps and no others, in this order; in_order: others may come between; unordered: these "
        "and no others, in any order; at_least: these and maybe others, in any order; at_most: no others",
    )
    events: SomeItems[Step] | None = Field(None, description="the steps: types of events, and tool calls")
    never: SomeItems[Step] | None = Field(None, description="events and tool calls that must not occur")

    @property
    def of_one_key(self) -> bool:
        """True if a key is given, which may be null."""
        return "key" in self.model_fields_set

    @model_validator(mode="after")
    def _can_fail(self) -> Self:
        if self.events is None and self.never is None:
            raise wrong("events or never", code="FA204", next_step="list the steps, or the ones that must not occur")
        if self.match in ("in_order", "at_least") and self.events and all(map(_is_input_event, self.events)):
            message = "a trajectory that cannot fail: every key with an input has an input event"
            raise wrong("a step that a wrong run does not have", message=message, code="FA209")
        return self


Trajectories = Annotated[
    Annotated[ExpectedTrajectory, Tag(FORM + "mapping")] | Annotated[SomeItems[ExpectedTrajectory], Tag(FORM + "list")],
    Discriminator(list_or_mapping),
    has_form(list_or_mapping, "a mapping with events or never, or a list of them"),
]
