"""The inputs that each job of a run gets, if several replace each other."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError
from pytest_flink_agents.scenario.faults import timetable

if TYPE_CHECKING:
    from pytest_flink_agents.scenario.loaded import LoadedScenario
    from pytest_flink_agents.scenario.upgrade import Upgrade


@dataclass(frozen=True, slots=True)
class _Shares:
    """The inputs up to the end of each job's share, and how many of a later share are written before its job begins.

    ``waits`` maps the places of the switches' ``after.outputs`` to the numbers of outputs, by the number of the job that
    is stopped. ``kind`` names the jobs in messages.
    """

    kind: str
    place: DocumentPath
    ends: tuple[int, ...]
    in_flight: tuple[int, ...]
    waits: Mapping[int, tuple[DocumentPath, int]]

    @property
    def own(self) -> list[int]:
        """The number of inputs of each job that are read by no other one."""
        later = zip(itertools.pairwise(self.ends), self.in_flight, strict=True)
        return [self.ends[0], *(end - start - in_flight for (start, end), in_flight in later)]


def portions(loaded: LoadedScenario, count: int) -> tuple[range, ...]:
    """Return the numbers of the inputs in the portions that are written one after the other, none for a single job.

    The first is there when the first job starts. At each switch there is one right before the savepoint, the inputs in
    flight, and one after it, which belongs to the next job alone. If both versions are alive at the same time, the one
    after the savepoint belongs to both. Raises ``ScenarioError`` for numbers that leave a job without inputs, or that never
    lead to as many outputs as a switch waits for.
    """
    upgrade, rescales = loaded.scenario.upgrade, loaded.scenario.rescales
    if upgrade is None and not rescales:
        return ()
    shares = _of_rescales(loaded, count) if upgrade is None else _of_upgrade(upgrade, count)
    if min(shares.own) < 1:
        expected = f"an input for each of {len(shares.ends)} {shares.kind}s, beside those in flight"
        raise _mistake(
            loaded, shares.place, f"inputs are missing for a {shares.kind}", expected, f"{count} inputs", "add inputs"
        )
    _require_reachable(loaded, shares)
    written = [range(shares.ends[0])]
    for (start, end), in_flight in zip(itertools.pairwise(shares.ends), shares.in_flight, strict=True):
        written += [range(start, start + in_flight), range(start + in_flight, end)]
    return tuple(written)


def _of_upgrade(upgrade: Upgrade, count: int) -> _Shares:
    if upgrade.both_alive:
        return _of_both_alive(upgrade, count)
    first = count // upgrade.versions if upgrade.inputs is None else upgrade.inputs
    outputs, switches = upgrade.after.outputs if upgrade.after else None, upgrade.versions - 1
    place: DocumentPath = ("upgrade", "after", "outputs")
    waits = dict.fromkeys(range(switches), (place, outputs)) if outputs is not None else {}
    return _Shares(
        "version", ("upgrade",), _ends(first, upgrade.versions, count), (upgrade.in_flight,) * switches, waits
    )


def _of_both_alive(upgrade: Upgrade, count: int) -> _Shares:
    """Return the shares of the first version, of both together, and of whichever goes on."""
    first = count // 3 if upgrade.inputs is None else upgrade.inputs
    end = first + upgrade.in_flight + (first if upgrade.shadow is None else upgrade.shadow)
    place: DocumentPath = ("upgrade", "after", "outputs")
    outputs = upgrade.after.outputs if upgrade.after else None
    waits = {0: (place, outputs)} if outputs is not None else {}
    return _Shares("part", ("upgrade",), (first, end, count), (upgrade.in_flight, 0), waits)


def _of_rescales(loaded: LoadedScenario, count: int) -> _Shares:
    """Return equal shares; half of each later one is in flight at the savepoint, so that the job is at work."""
    faults = enumerate(timetable(loaded.scenario.faults))
    switches = [(number, fault) for number, fault in faults if fault.rescale]
    ends = _ends(count // (len(switches) + 1), len(switches) + 1, count)
    waits: dict[int, tuple[DocumentPath, int]] = {}
    for job, (number, fault) in enumerate(switches):
        if fault.after.outputs is not None:
            waits[job] = (("faults", number, "after", "outputs"), fault.after.outputs)
    in_flight = tuple((end - start) // 2 for start, end in itertools.pairwise(ends))
    return _Shares("job", ("faults",), ends, in_flight, waits)


def _ends(first: int, jobs: int, count: int) -> tuple[int, ...]:
    """Return the numbers of the inputs up to the end of each job's share; all but the first are equal."""
    return (first, *(first + (count - first) * number // (jobs - 1) for number in range(1, jobs)))


def _require_reachable(loaded: LoadedScenario, shares: _Shares) -> None:
    """Refuse to wait for more outputs than the inputs of a job lead to, if that is known.

    Those in flight may be read by the job before.
    """
    delivery = loaded.scenario.expect.delivery
    if delivery is None or delivery.outputs is None:
        return
    for job, (place, wanted) in shares.waits.items():
        count = shares.own[job]
        most = count * delivery.per_input
        if wanted > most:
            message = f"a {shares.kind} has {count} inputs of its own before its switch, which lead to {most} outputs"
            next_step = "wait for fewer outputs, or add inputs"
            raise _mistake(loaded, place, message, f"at most {most}", str(wanted), next_step)


def _mistake(
    loaded: LoadedScenario, place: DocumentPath, message: str, expected: str, seen: str, next_step: str
) -> ScenarioError:
    return ScenarioError(loaded.document.problem(Mistake("FA203", place, message, expected, seen, next_step)))
