"""Scenarios with generated inputs, in many combinations and with several runs."""

from __future__ import annotations

import json

from plugin_project import Project

GENERATED = """\
version: "1"
name: generated
agent: shop:Echo
inputs: [{generate: {count: 12000, keys: 50, value: "${input.number}"}}]
expect: {delivery: {outputs: exactly_once}}
"""


def test_many_generated_inputs_reach_an_agent(project: Project) -> None:
    project.scenarios("x", GENERATED)
    project.run().assert_outcomes(passed=1)
    (evidence,) = project.report.glob("artifacts/*/1/evidence.json")
    outputs = json.loads(evidence.read_text())["evidence"]["outputs"]
    assert len(outputs) == 12_000
    assert {"key": "key-49", "value": {"said": 11_999}, "input": 11_999} in outputs
