"""A scenario that expects a delivery, from its YAML to its result."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import LoadedScenario, load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]

SCENARIOS = """\
version: "1"
name: each purchase once
agent: scenarios.agents.till:TillAgent
inputs:
  - {key: ada, value: {item: tea, amount: 3}}
  - {key: bob, value: {item: rope, amount: 20}}
  - {key: ada, value: {item: cake, amount: 4}, after: {output: {contains: {item: tea}}}}
expect:
  delivery: {outputs: exactly_once}
  outputs:
    - {key: ada, value: {item: tea, total: 3, purchases: 1}}
    - {key: ada, value: {item: cake, total: 7, purchases: 2}}
    - {key: bob, value: {item: rope, total: 20, purchases: 1}}
within: 120s
---
version: "1"
name: each purchase twice
agent: scenarios.agents.till:TillAgent
inputs: [{key: ada, value: {item: tea, amount: 3}}]
expect:
  delivery:
    outputs: exactly_once
    per_input: 2
"""


def test_a_lost_output_is_reported_with_its_key_and_number_on_the_scenarios_line(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The delivery is judged on the local and the embedded tier, through memory and through Kafka.

    An input that waits for an output is sent on both.
    """
    shutil.copytree(ROOT / "scenarios" / "agents", tmp_path / "scenarios" / "agents")
    (tmp_path / "delivery.scenario.yaml").write_text(SCENARIOS)
    once, twice = load_file(tmp_path / "delivery.scenario.yaml", Project(tmp_path))

    def checked(loaded: LoadedScenario, tier: Tier) -> CheckedRun:
        return scenario_runs.checked(request, loaded, tier, tmp_path / tier.value / loaded.scenario.name)

    right = [checked(once, tier) for tier in (Tier.LOCAL, Tier.EMBEDDED)]
    assert [run.valid for run in right] == [True, True], [run.text for run in right]
    assert [run.evidence.transport for run in right] == ["memory", "kafka"]
    wrong = checked(twice, Tier.LOCAL)
    assert not wrong.valid
    assert 'delivery.scenario.yaml:22: output lost: input 0 of key "ada" led to 1 outputs' in wrong.text
    assert "outputs: exactly_once" in wrong.text
