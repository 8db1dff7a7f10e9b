"""The pairing of a trajectory's steps with events and the tool calls in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_flink_agents.checks.pairing import largest_pairing
from pytest_flink_agents.checks.trajectory_steps import Entry, StepKind, TrajectoryStep


def steps_in(steps: Sequence[TrajectoryStep], entry: Entry) -> int:
    """Return how many of the first steps one event accounts for together."""
    if not steps or not steps[0].occurs_in(entry):
        return 0
    taken = 1
    while taken < min(len(steps), 1 + len(entry.calls)):
        if len(step_pairs(steps[: taken + 1], [entry])) <= taken:
            break
        taken += 1
    return taken


def step_pairs(steps: Sequence[TrajectoryStep], entries: Sequence[Entry]) -> Mapping[int, int]:
    """Pair steps with events and single calls; a request and each of its calls count once."""
    names = {step.name for step in steps}
    slots = [
        (entry, place)
        for entry in entries
        if entry.calls or entry.event.type in names
        for place in range(-1, len(entry.calls))
    ]

    def fits(left: int, right: int) -> bool:
        step, (entry, place) = steps[left], slots[right]
        if step.kind is StepKind.TOOL:
            return place >= 0 and step.fits_call(entry.calls[place])
        return place < 0 and step.fits(entry)

    return largest_pairing(len(steps), len(slots), fits)
