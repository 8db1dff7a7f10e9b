"""Scenarios with generated inputs, in many combinations and with several runs."""

from __future__ import annotations

import json

from plugin_project import Project, lines_of

MATRIX = """\
version: "1"
name: greets
agent: shop:Echo
matrix: {word: [hi, "a::b [c]"], number: [1]}
inputs: [{key: a, value: ["${matrix.word}", "${matrix.number}"]}]
expect: {outputs: [{key: a, value: {said: [hi, 1]}}]}
"""
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


def test_a_combination_has_an_id_that_selects_it(project: Project) -> None:
    project.scenarios("x", MATRIX)
    other = "x.scenario.yaml::greets[word=%22a%3A%3Ab%20%5Bc%5D%22,number=1][local-2.2]"
    result = project.run("-rfp")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["PASSED x.scenario.yaml::greets[[]word=hi,number=1[]][[]local-2.2[]]"])
    assert f"FAILED {other}" in lines_of(result)
    assert {each["message"].partition(": ")[0] for each in project.verdict()["reasons"]} >= {other}
    assert "| greets[word=hi,number=1] |" in (project.report / "summary.md").read_text()
    project.run(other).assert_outcomes(failed=1)
