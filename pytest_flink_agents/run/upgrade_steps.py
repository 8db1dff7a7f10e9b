"""The switches of a scenario's upgrade as steps of its timeline."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from pytest_flink_agents.evidence.upgrade import BASELINE_AGAIN, CANDIDATE
from pytest_flink_agents.run.fault_steps import trigger_of
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import Step, SwitchVersion
from pytest_flink_agents.scenario.upgrade import Upgrade

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun


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
