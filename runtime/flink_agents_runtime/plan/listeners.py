"""The actions of each event type, in plans of every release whose agents the engine executes.

The installed package decides, by the fields of its Action: ``listen_event_types`` with
``actions_by_event`` beside the actions until 0.3, ``trigger_conditions`` since 0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flink_agents.plan.actions.action import Action
from flink_agents.plan.agent_plan import AgentPlan

from flink_agents_runtime.plan.agent_reference import PlanError
from flink_agents_runtime.plan.trigger import event_type_of

LISTENED, CONDITIONS = "listen_event_types", "trigger_conditions"
HAS_CONDITIONS = CONDITIONS in Action.model_fields
_RELEASES = {LISTENED: "0.3", CONDITIONS: "0.4"}
_WRITTEN, _OTHER = (CONDITIONS, LISTENED) if HAS_CONDITIONS else (LISTENED, CONDITIONS)
# The type of resources that are agents, called by other agents.
_SUBAGENT = "agent"
# Events of 0.4 about memory and the beginning of a run.
_UNSENT = frozenset(
    (
        "_agent_run_begin_event",
        "_short_term_write_event",
        "_short_term_read_event",
        "_sensory_write_event",
        "_sensory_read_event",
        "_long_term_update_event",
        "_long_term_get_event",
        "_long_term_search_event",
    )
)
_SHOWN = 200


def listeners_of(plan: AgentPlan) -> Mapping[str, Sequence[str]]:
    """Return the names of the actions of each event type, in the order in which they run."""
    if not HAS_CONDITIONS:
        known: Mapping[str, Sequence[str]] = plan.actions_by_event
        return known
    listeners: dict[str, dict[str, None]] = {}
    for name, action in plan.actions.items():
        for trigger in action.trigger_conditions:
            event_type = event_type_of(trigger)
            if event_type is not None:
                listeners.setdefault(event_type, {})[name] = None
    return {event_type: list(names) for event_type, names in listeners.items()}


def require_readable(plan: Mapping[str, Any]) -> None:
    """Raise :class:`PlanError` for the JSON of a plan in the dialect of another release than the installed one."""
    other = {name: action[_OTHER] for name, action in plan["actions"].items() if _OTHER in action}
    if other:
        raise _of_another_dialect(other)


def require_supported_parts(plan: AgentPlan) -> None:
    """Raise :class:`PlanError` for a plan with conditions or subagents, or that waits for events nobody sends."""
    triggers = [(name, getattr(action, CONDITIONS, ())) for name, action in plan.actions.items()]
    _require_event_types(triggers)
    _require_no_subagents({kind.value: named for kind, named in (plan.resource_providers or {}).items()})
    for name, listed in triggers:
        unsent = [each for each in map(event_type_of, listed) if each in _UNSENT]
        if unsent:
            raise PlanError(
                f"action {name!r} listens to an event that the bundled engine does not send",
                expected="other event types",
                seen=", ".join(map(str, unsent)),
                next_step="use --flink-engine=upstream",
            )


def _require_event_types(triggers: Iterable[tuple[str, Iterable[Any]]]) -> None:
    condition = _first_condition(triggers)
    if condition is None:
        return
    name, text = condition
    raise PlanError(
        f"action {name!r} listens to a condition (CEL), which only the Java operator of flink-agents 0.4 can evaluate",
        expected="event types",
        seen=f"{CONDITIONS} in action {name!r}: {text[:_SHOWN]}",
        next_step="listen to the event type and decide in the action, or use --flink-engine=upstream",
    )


def _first_condition(triggers: Iterable[tuple[str, Iterable[Any]]]) -> tuple[str, str] | None:
    found: Iterator[tuple[str, str]] = ((name, str(each)) for name, listed in triggers for each in listed)
    return next((each for each in found if event_type_of(each[1]) is None), None)


def _require_no_subagents(resources: Mapping[str, Any]) -> None:
    if resources.get(_SUBAGENT):
        raise PlanError(
            "the agent has subagents, which the bundled engine does not execute",
            expected="no resources of the type agent",
            seen=", ".join(sorted(resources[_SUBAGENT])),
            next_step="test each of them as an agent of its own, or use --flink-engine=upstream",
        )


def _of_another_dialect(listened: Mapping[str, Any]) -> PlanError:
    """Return the error for a plan in the dialect of another release, with its first condition if it has one."""
    triggers = [(name, tuple(each or ())) for name, each in listened.items()]
    name, text = _first_condition(triggers) or next(
        ((name, str(each)) for name, listed in triggers for each in listed), (triggers[0][0], "none")
    )
    release = _RELEASES[_OTHER]
    cel = ", and listens to a condition (CEL), which only the Java operator of 0.4 can evaluate"
    return PlanError(
        f"the plan is written in the dialect of flink-agents {release}" + cel * (event_type_of(text) is None),
        expected=f"{_WRITTEN}, as flink-agents {_RELEASES[_WRITTEN]} writes",
        seen=f"{_OTHER} in action {name!r}: {text[:_SHOWN]}",
        next_step=f"run it with flink-agents {release} (--flink-agents), or create it with the installed release",
    )
