"""The switches of a scenario's upgrade as steps of its timeline, and the inputs that each version gets."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_flink_agents.evidence.upgrade import BASELINE_AGAIN, CANDIDATE
from pytest_flink_agents.run.fault_steps import trigger_of
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import Step, SwitchVersion
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError
from pytest_flink_agents.scenario.upgrade import Upgrade

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun
    from pytest_flink_agents.scenario.loaded import LoadedScenario


def upgrade_steps(
    upgrade: Upgrade,
    candidate: tuple[AgentSubject, Place],
    baseline: tuple[AgentSubject, Place],
    ledger: LedgerRun | None,
    write: Callable[[], None],
) -> tuple[Step, ...]:
    """Return one step for each switch; ``write`` writes the next portion of the inputs."""
    trigger = trigger_of(upgrade.after, ledger)
    steps = [Step(trigger, SwitchVersion(*candidate, CANDIDATE, write))]
    if upgrade.rollback:
        steps.append(Step(trigger, SwitchVersion(*baseline, BASELINE_AGAIN, write)))
    return tuple(steps)


def portions(loaded: LoadedScenario, count: int) -> tuple[range, ...]:
    """Return the numbers of the inputs in the portions that are written one after the other, none without an upgrade.

    The first is there when the baseline starts. At each switch there is one right before the savepoint, the inputs in
    flight, and one after it, which belongs to the next version alone. Raises ``ScenarioError`` for numbers that leave a
    version without inputs, or that never lead to as many outputs as a switch waits for.
    """
    upgrade = loaded.scenario.upgrade
    if upgrade is None:
        return ()
    ends = _ends(upgrade, count)
    later = [*itertools.pairwise(ends)]
    if any(end - start <= upgrade.in_flight for start, end in later) or not ends[0]:
        expected = f"an input for each of {upgrade.versions} versions, beside those in flight"
        raise _mistake(loaded, (), "inputs are missing for a version", expected, f"{count} inputs", "add inputs")
    _require_reachable(loaded, upgrade, [ends[0], *(end - start - upgrade.in_flight for start, end in later[:-1])])
    written = [range(ends[0])]
    for start, end in later:
        written += [range(start, start + upgrade.in_flight), range(start + upgrade.in_flight, end)]
    return tuple(written)


def _ends(upgrade: Upgrade, count: int) -> list[int]:
    """Return the numbers of the inputs up to the end of each version's share."""
    first = count // upgrade.versions if upgrade.inputs is None else upgrade.inputs
    shares = upgrade.versions - 1
    return [first, *(first + (count - first) * number // shares for number in range(1, shares + 1))]


def _require_reachable(loaded: LoadedScenario, upgrade: Upgrade, counts: list[int]) -> None:
    """Refuse to wait for more outputs than the inputs of a version lead to, if that is known.

    ``counts`` has the inputs of each version that is stopped. Those in flight may be those of the version before.
    """
    delivery, wanted = loaded.scenario.expect.delivery, upgrade.after.outputs
    if wanted is None or delivery is None or delivery.outputs is None:
        return
    for count in counts:
        most = count * delivery.per_input
        if wanted > most:
            message = f"a version has {count} inputs of its own before its switch, which lead to {most} outputs"
            place: DocumentPath = ("after", "outputs")
            next_step = "wait for fewer outputs, or add inputs"
            raise _mistake(loaded, place, message, f"at most {most}", str(wanted), next_step)


def _mistake(
    loaded: LoadedScenario, below: DocumentPath, message: str, expected: str, seen: str, next_step: str
) -> ScenarioError:
    mistake = Mistake("FA203", ("upgrade", *below), message, expected, seen, next_step)
    return ScenarioError(loaded.document.problem(mistake))
