"""Scenarios that replace a version of an agent, on the local tier."""

from __future__ import annotations

import json
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
  after: {{outputs: 8}}
  in_flight: 5
{words}expect:
  delivery: {{outputs: exactly_once}}
  outputs: {{count: 40, distinct: "[customer, count]"}}
  memory: {{key-0: {{account.count: 10}}}}
"""


def scenario(name: str, agent: str, words: str = "", before: str = "Till") -> str:
    return SCENARIO.format(name=name, agent=agent, before=before, words=words)


def anew(name: str, memory: str) -> str:
    """Return a scenario whose next version begins without state, after 13 inputs that the version before has read."""
    text = scenario(name, "RenamedTill", "  inputs: 8\n  mode: stateless\n")
    text = text.replace('outputs: {count: 40, distinct: "[customer, count]"}', "outputs: {count: 40}")
    return text.replace("{account.count: 10}", memory)


def test_next_versions_are_judged_with_the_memory_of_the_one_before(project: Project) -> None:
    project.write("versions.py", VERSIONS)
    project.scenarios(
        "x",
        scenario("on", "NextTill"),
        scenario("and back", "NextTill", "  rollback: true\n"),
        scenario("removed on purpose", "RenamedTill", "  removes: [receipt]\n"),
        anew("anew on purpose", "{account.count: 6}"),
        anew("anew with the memory of before", "{account.count: 10}"),
        scenario("renamed", "RenamedTill"),
        scenario("broken", "BrokenTill"),
        scenario("too many outputs", "NextTill", "  inputs: 5\n"),
        scenario("broken before", "NextTill", before="BrokenTill"),
        scenario("not there before", "NextTill", before="NoTill"),
    )
    result = project.run("--flink-tier=local")
    result.assert_outcomes(passed=4, failed=6)
    report = json.loads((project.report / "report.json").read_text(encoding="utf-8"))
    outcomes = {one["name"]: one["outcome"] for one in report["results"]}
    assert outcomes["broken"] == "failed"
    assert (outcomes["broken before"], outcomes["not there before"]) == ("unknown", "unknown")
    lines = lines_of(result)
    assert "the candidate has no action receipt; unreachable: unfinished calls of receipt in the savepoint" in lines
    assert "the job failed: ValueError: the field customer is gone" in lines
    assert "a version has 5 inputs of its own before its switch, which lead to 5 outputs" in lines


def test_the_version_before_is_the_projects_own_at_a_commit(project: Project) -> None:
    project.write(
        "versions.py", VERSIONS.replace("class NextTill", "class Later").replace("class Till", "class NextTill")
    )
    project.git("init", "-q")
    project.git("add", "versions.py")
    project.git("commit", "-q", "-m", "the first release")
    project.git("tag", "v1.4.0")
    project.write("versions.py", VERSIONS.replace("class Till", "class Earlier"))
    at_tag = scenario("on", "NextTill").replace("{agent: versions:Till}", "{git: v1.4.0}")
    project.scenarios(
        "x",
        at_tag,
        at_tag.replace("name: on", "name: mistyped").replace("v1.4.0", "v1.4"),
        at_tag.replace("name: on", "name: an option").replace("v1.4.0", "--all"),
        at_tag.replace("name: on", "name: elsewhere").replace("git: v1.4.0", "git: v1.4.0, agent: os:system"),
    )
    result = project.run("--flink-tier=local")
    lines = lines_of(result)
    result.assert_outcomes(passed=1, failed=1, errors=2)
    assert "FA435: there is no version 'v1.4'" in lines
    assert "did you mean v1.4.0?" in lines
    assert "FA435: there is no version '--all'" in lines
    assert "FA214: os is part of Python" in lines
    (file,) = project.report.glob("artifacts/*on*local*/1/evidence.json")
    outputs = json.loads(file.read_text(encoding="utf-8"))["evidence"]["outputs"]
    assert {output["value"]["version"] for output in outputs} == {"v1", "v2"}
    codes = [part for part in project.verdict()["parts"] if part["name"].endswith(" code")]
    assert [len(part["digest"]) for part in codes] == [40], "the commit is part of what was tested"
