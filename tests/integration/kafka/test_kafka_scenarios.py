"""A scenario that expects a delivery, from its YAML to the verdict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flink_testbed.core.directories import cache_root

pytestmark = pytest.mark.slow

# Before pytester gives the test another home: the job environment is not built anew.
CACHE = cache_root()
ROOT = Path(__file__).parents[3]

SCENARIOS = """\
version: "1"
name: each purchase once
agent: scenarios.agents.till:TillAgent
inputs:
  - {key: ada, value: {item: tea, amount: 3}}
  - {key: bob, value: {item: rope, amount: 20}}
  - {key: ada, value: {item: cake, amount: 4}}
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
tiers: [local]
inputs: [{key: ada, value: {item: tea, amount: 3}}]
expect:
  delivery:
    outputs: exactly_once
    per_input: 2
"""


def test_a_lost_output_is_reported_with_its_key_and_number_on_the_scenarios_line(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The delivery is judged on the local and the embedded tier."""
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(CACHE))
    root = pytester.path
    shutil.copytree(ROOT / "scenarios" / "agents", root / "scenarios" / "agents")
    (root / "delivery.scenario.yaml").write_text(SCENARIOS)
    result = pytester.runpytest_subprocess("--flink-tier=local", "--flink-tier=embedded", "-rs", timeout=300)
    result.assert_outcomes(passed=2, failed=1, skipped=1)
    result.stdout.fnmatch_lines(
        ['*delivery.scenario.yaml:23: output lost: input 0 of key "ada" led to 1 outputs', "*outputs: exactly_once"]
    )
    found = (json.loads(file.read_text())["evidence"] for file in root.rglob("evidence.json"))
    transports = {(evidence["tier"], evidence["transport"]) for evidence in found}
    assert transports == {("local", "memory"), ("embedded", "kafka")}
