"""The downtime of an upgrade with a savepoint, on the embedded tier."""

from __future__ import annotations

import statistics
from pathlib import Path

from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.checks.upgrade import downtimes
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier

# Of two switches each.
_RUNS = 5


def upgrade_costs(session: Services, directory: Path) -> dict[str, float]:
    """Measure ten switches under load: from the last output before to the first one after, as Kafka stored them."""
    (loaded,) = load_file(Path(__file__).with_name("upgrade.scenario.yaml"), Project.of(session.settings))
    run = ScenarioRun(session, loaded, Tier.EMBEDDED, resolve_flink("2.2"))
    run.provision()
    silent: list[float] = []
    stopped: list[float] = []
    for number in range(_RUNS):
        checked = run.run_and_check(directory / f"upgrade-{number}", lambda seed: "make bench PART=upgrades")
        if not checked.valid:
            raise SystemExit(checked.text)
        silent += [amount.value for amount in downtimes(checked.evidence) if amount.value is not None]
        stopped += [step.ended_s - step.began_s for step in checked.evidence.steps if step.began_s and step.ended_s]
    return {
        f"downtime of an upgrade with a savepoint, median of {len(silent)} [s]": statistics.median(silent),
        "the longest of them [s]": max(silent),
        "of it, until the savepoint is complete, median [s]": statistics.median(stopped),
    }
