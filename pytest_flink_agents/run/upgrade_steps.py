"""The switches of a scenario's upgrade as steps of its timeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from pytest_flink_agents.evidence.upgrade import BASELINE_AGAIN
from pytest_flink_agents.run.fault_steps import trigger_of
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.timeline import AtStart, StartFromSavepoint, Step, SwitchVersion
from pytest_flink_agents.scenario.upgrade import Upgrade
from pytest_flink_agents.vocabulary import UpgradeMode

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun


def upgrade_steps(
    upgrade: Upgrade,
    baseline: RunVersion,
    candidate: RunVersion,
    savepoint: str,
    ledger: LedgerRun | None,
    write: Callable[[], None],
    faults: Sequence[Step] = (),
) -> tuple[Step, ...]:
    """Return one step for each switch, and the ``faults`` of the candidate.

    The candidate starts from the stored ``savepoint`` of the baseline, or replaces it if that is empty. ``write`` writes
    the next portion of the inputs.
    """

    def switch_to(version: RunVersion) -> Step:
        assert upgrade.after is not None, "the model requires the moment of a switch"
        act = SwitchVersion(version, write, UpgradeMode(upgrade.mode))
        return Step(trigger_of(upgrade.after, ledger), act)

    stored = StartFromSavepoint(savepoint, candidate.name, baseline)
    first = Step(AtStart(), stored) if savepoint else switch_to(candidate)
    back = [switch_to(baseline._replace(name=BASELINE_AGAIN))] if upgrade.rollback else []
    return (first, *faults, *back)
