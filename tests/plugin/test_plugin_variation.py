"""Scenarios with generated inputs, in many combinations and with several runs."""

from __future__ import annotations

import json

from plugin_project import SETTLING_AGENT, Project, lines_of, scenario

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
    last = [output for output in outputs if output["input"] == 11_999]
    assert [(output["key"], output["value"]) for output in last] == [("key-49", {"said": 11_999})]


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


def test_a_scenario_that_passes_often_enough_is_flaky(project: Project) -> None:
    project.write("settling.py", SETTLING_AGENT)
    agent = "settling:Settles"
    project.scenarios(
        "x",
        scenario("settles", agent=agent, more="repeat: {runs: 3, min_pass: 2}\n"),
        scenario("stays", agent=agent, more="repeat: {runs: 2}\n"),
        scenario("went", agent=agent, said="not yet", more="repeat: {runs: 2, min_pass: 1}\n"),
    )
    result = project.run()
    result.assert_outcomes(passed=2, failed=1)
    verdict = project.verdict()
    assert {word: verdict["counts"][word] for word in ("passed", "flaky", "failed")} == {
        "passed": 1,
        "flaky": 1,
        "failed": 1,
    }
    flaky = next(reason for reason in verdict["reasons"] if reason["rule"] == "flaky")
    assert flaky["kind"] == "remark"
    assert "2 of 3 runs passed; 2 must (pass rate 67%, 95 % interval 21% to 94%)" in flaky["message"]
    assert "0 of 2 runs passed" in lines_of(result)
    for name, runs in {"settles": 3, "stays": 2, "went": 2}.items():
        found = project.report.glob(f"artifacts/*{name}*/1/run-*/evidence.json")
        assert sorted(path.parent.name for path in found) == [f"run-{number + 1}" for number in range(runs)]
    results = json.loads((project.report / "report.json").read_text())["results"]
    # The run that is shown: the first that was not as expected, else the last. Pages and comparisons read its evidence.
    assert [result["evidence"].rpartition("/")[2] for result in results] == ["run-1", "run-2", "run-1"]
    assert all((project.report / result["evidence"] / "evidence.json").is_file() for result in results)
    summary = (project.report / "summary.md").read_text()
    assert "stays[local-2.2]: 2 of 2 runs passed (pass rate 100%, 95 % interval 34% to 100%)" in summary
    assert "shown is run 1, the first that was not as expected" in summary


def test_an_input_is_sent_after_an_output_and_one_that_never_is_fails_the_scenario(project: Project) -> None:
    def turns(name: str, awaited: str) -> str:
        waiting = f"{{key: a, value: bye, after: {{output: {{said: {awaited}}}}}}}"
        text: str = scenario(name, more="    - {key: a, value: {said: bye}}\n")
        return text.replace("{key: a, value: hi}]", f"{{key: a, value: hi}}, {waiting}]")

    project.scenarios("s", turns("answered", "hi"), turns("unanswered", "hello"))
    result = project.run("--scenario-seed=3")
    result.assert_outcomes(passed=1, failed=1)
    shown = lines_of(result)
    assert 'input 1 of key "a" was never sent: no output of its key that it waits for has come' in shown
    assert "inputs: [{key: a, value: hi}, {key: a, value: bye, after: {output: {said: hello}}}]" in shown
    assert 'expected: {said: "hello"}' in shown
    assert 'seen:     {"said": "hi"}' in shown
