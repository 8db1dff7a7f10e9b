"""The pairing of a trajectory's steps with events and the tool calls in them."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping, Sequence

from pytest_flink_agents.checks.pairing import largest_pairing
from pytest_flink_agents.checks.trajectory_steps import Entry, StepKind, TrajectoryStep

# Bounds the search for requests that leave the other steps the calls that they need.
_WAYS = 200


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
    """Pair steps with events and single calls; a request and each of its calls count once.

    A parallel step takes all calls of its request, so that other steps find them in other requests only.
    """
    best: Mapping[int, int] = {}
    for whole in _whole_requests(steps, entries):
        pairs = {**_single_pairs(steps, entries, set(whole.values())), **whole}
        best = max(best, pairs, key=len)
        if len(best) == len(steps):
            break
    return best


def _whole_requests(steps: Sequence[TrajectoryStep], entries: Sequence[Entry]) -> Iterator[dict[int, int]]:
    """Yield the ways in which parallel steps take requests, one with the most of them first."""
    parallel = [number for number, step in enumerate(steps) if step.kind is StepKind.PARALLEL]
    fits = [[right for right, entry in enumerate(entries) if steps[left].fits(entry)] for left in parallel]
    most = largest_pairing(len(parallel), len(entries), lambda left, right: right in fits[left])
    yield {parallel[left]: right for left, right in most.items()}
    for chosen in itertools.islice(itertools.product(*fits), _WAYS):
        if len(set(chosen)) == len(chosen):
            yield dict(zip(parallel, chosen, strict=True))


def _single_pairs(steps: Sequence[TrajectoryStep], entries: Sequence[Entry], whole: Container[int]) -> dict[int, int]:
    """Pair the other steps, without the calls of the requests that are taken as a ``whole``."""
    names = {step.name for step in steps}
    slots = [
        (entry, place)
        for number, entry in enumerate(entries)
        if entry.calls or entry.event.type in names
        for place in range(-1, 0 if number in whole else len(entry.calls))
    ]

    def fits(left: int, right: int) -> bool:
        step, (entry, place) = steps[left], slots[right]
        if step.kind is StepKind.TOOL:
            return place >= 0 and step.fits_call(entry.calls[place])
        return step.kind is StepKind.EVENT and place < 0 and step.fits(entry)

    return largest_pairing(len(steps), len(slots), fits)
