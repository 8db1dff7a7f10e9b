"""Scenarios that replace a version of an agent, on the local tier."""

from __future__ import annotations

from pathlib import Path

from plugin_project import Project, lines_of

VERSIONS = (Path(__file__).parents[1] / "support" / "agents" / "versions.py").read_text()
SCENARIO = """\
version: "1"
name: {name}
agent: versions:{agent}
tiers: [local]
inputs:
  - generate: {{count: 40, keys: 4, value: {{customer: "${{input.key}}"}}}}
upgrade:
  from: {{agent: versions:{before}}}
  after: {{outputs: 12}}
  in_flight: 5
{words}expect:
  delivery: {{outputs: exactly_once}}
  outputs: {{count: 40, distinct: "[customer, count]"}}
  memory: {{key-0: {{account.count: 10}}}}
"""


def scenario(name: str, agent: str, words: str = "", before: str = "Till") -> str:
    return SCENARIO.format(name=name, agent=agent, before=before, words=words)


def test_next_versions_are_judged_with_the_memory_of_the_one_before(project: Project) -> None:
    project.write("versions.py", VERSIONS)
    project.scenarios(
        "x",
        scenario("on", "NextTill"),
        scenario("and back", "NextTill", "  rollback: true\n"),
        scenario("removed on purpose", "RenamedTill", "  removes: [receipt]\n"),
        scenario("renamed", "RenamedTill"),
        scenario("broken", "BrokenTill"),
        scenario("too many outputs", "NextTill", "  inputs: 5\n"),
    )
    result = project.run("--flink-tier=local")
    result.assert_outcomes(passed=3, failed=3)
    lines = lines_of(result)
    assert "the candidate has no action receipt; unreachable: unfinished calls of receipt in the savepoint" in lines
    assert "the job failed: ValueError: the field customer is gone" in lines
    assert "a version has 5 inputs before its switch, which lead to 5 outputs" in lines
