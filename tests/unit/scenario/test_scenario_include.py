"""Words that scenarios share: includes and defaults."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import LoadedScenario, load_file, load_files

Write: TypeAlias = Callable[[str, str], Path]
SHORT = """\
version: "1"
name: refund
include: [shared/common.yaml]
inputs: [{key: a, value: 1}]
expect: {outputs: []}
"""
COMMON = """\
agent: shop.agents:RefundAgent
tags: [one, two]
config: {max-retries: 3, error-handling-strategy: retry}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A function that writes a file of the project and returns its path."""

    def write_file(name: str, text: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write_file


def loaded(path: Path, root: Path) -> LoadedScenario:
    (found,) = load_file(path, Project(root))
    return found


def refused(path: Path, root: Path) -> list[Problem]:
    with pytest.raises(ScenarioError) as caught:
        load_file(path, Project(root))
    return list(caught.value.problems)


def test_own_words_win_mappings_merge_and_lists_are_replaced(write: Write, tmp_path: Path) -> None:
    write("shared/common.yaml", COMMON)
    path = write("x.scenario.yaml", SHORT + "tags: [own]\nconfig: {max-retries: 1}\n")
    scenario = loaded(path, tmp_path).scenario
    assert scenario.agent == "shop.agents:RefundAgent"
    assert scenario.tags == ("own",)
    assert scenario.config == {"max-retries": 1, "error-handling-strategy": "retry"}


def test_the_last_include_wins_and_then_the_defaults_follow(write: Write, tmp_path: Path) -> None:
    write("shared/common.yaml", COMMON + "include: [deeper.yaml]\nowner: common\n")
    write("shared/deeper.yaml", "owner: deeper\nrequirement: R-1\nconfig: {max-retries: 9, num-async-threads: 2}\n")
    write("last.yaml", "owner: last\n")
    write("scenario.defaults.yaml", "owner: defaults\nwithin: 9s\nconfig: {chat.async: false, max-retries: 8}\n")
    path = write("x.scenario.yaml", SHORT.replace("common.yaml]", "common.yaml, last.yaml]"))
    scenario = loaded(path, tmp_path).scenario
    assert (scenario.owner, scenario.requirement, scenario.within) == ("last", "R-1", 9.0)
    assert scenario.config == {
        "max-retries": 3,
        "error-handling-strategy": "retry",
        "num-async-threads": 2,
        "chat.async": False,
    }


def test_defaults_are_those_beside_the_file_only(write: Write, tmp_path: Path) -> None:
    write("scenario.defaults.yaml", "agent: shop.agents:RefundAgent\n")
    sound = SHORT.replace("include: [shared/common.yaml]\n", "")
    assert loaded(write("x.scenario.yaml", sound), tmp_path).scenario.agent
    (problem,) = refused(write("below/x.scenario.yaml", sound), tmp_path)
    assert problem.code == "FA204"


def test_naming_the_subject_replaces_that_of_the_shared_words(write: Write, tmp_path: Path) -> None:
    write("jobs/a.py", "")
    write("desk.yaml", "agents: []\n")
    write("scenario.defaults.yaml", "agent: {yaml: desk.yaml, name: desk}\n")
    sound = SHORT.replace("include: [shared/common.yaml]\n", "")
    assert loaded(write("x.scenario.yaml", sound + "job: {python: jobs/a.py}\n"), tmp_path).scenario.agent is None
    agent = "agent: shop.agents:RefundAgent\n"
    assert loaded(write("x.scenario.yaml", sound + agent), tmp_path).scenario.agent == "shop.agents:RefundAgent"


def test_files_are_relative_to_the_file_that_names_them(write: Write, tmp_path: Path) -> None:
    write("shared/common.yaml", COMMON + "inputs: [{from: data/a.jsonl, key: k}]\n")
    write("shared/data/a.jsonl", '{"k": 1}\n')
    path = write(
        "deep/x.scenario.yaml", SHORT.replace("shared/", "../shared/").replace("inputs: [{key: a, value: 1}]\n", "")
    )
    found = loaded(path, tmp_path)
    assert found.path(found.scenario.inputs[0].model_dump()["from_"]) == tmp_path / "shared/data/a.jsonl"
    assert found.files == {path, tmp_path / "shared/common.yaml"}


def test_a_shared_configuration_is_relative_to_its_own_file(write: Write, tmp_path: Path) -> None:
    write("shared/conf/config.yaml", "taskmanager.numberOfTaskSlots: 2\n")
    common = "config_file: conf/config.yaml\nflink_config: {parallelism.default: 2}\n"
    write("shared/common.yaml", COMMON + common)
    found = loaded(write("x.scenario.yaml", SHORT), tmp_path)
    assert found.scenario.config_file == "shared/conf/config.yaml"
    assert found.configuration
    assert [placed.where for placed in found.flink_options.values()] == ["shared/common.yaml:5"]


def test_a_mistake_is_reported_in_the_file_that_it_stands_in(write: Write, tmp_path: Path) -> None:
    write("shared/common.yaml", COMMON + "\nimputs: 1\nexpect:\n  order: sideways\n")
    path = write("x.scenario.yaml", SHORT + "owner: 3\n---\n" + SHORT.replace("refund", "again"))
    assert [(problem.where, problem.code) for problem in refused(path, tmp_path)] == [
        ("x.scenario.yaml:6:8", "FA203"),
        ("shared/common.yaml:5:1", "FA202"),
        ("shared/common.yaml:7:10", "FA203"),
    ]


def test_a_finding_shows_the_lines_of_the_file_that_they_stand_in(write: Write, tmp_path: Path) -> None:
    write("shared/common.yaml", COMMON + "expect:\n  outputs:\n    - {key: a, value: 1}\n")
    document = loaded(write("x.scenario.yaml", SHORT.replace("{outputs: []}", "{order: any}")), tmp_path).document
    assert document.place(("expect", "outputs", 0)) == "shared/common.yaml:6"
    assert document.lines(("expect", "outputs", 0)) == [(6, "    - {key: a, value: 1}")]
    assert document.place(("expect", "order")) == "x.scenario.yaml:5"


def test_all_mistakes_of_all_files_are_reported_at_once(write: Write, tmp_path: Path) -> None:
    write("shared/common.yaml", COMMON + "severty: warn\n")
    files = [
        write("a.scenario.yaml", SHORT + "owner: 1\n"),
        write("b.scenario.yaml", SHORT.replace("shared/", "sharde/")),
        write("c.scenario.yaml", SHORT.replace("inputs", "input")),
    ]
    _, problems = load_files(files, Project(tmp_path))
    assert [problem.where for problem in problems] == [
        *("a.scenario.yaml:6:8", "shared/common.yaml:4:1"),
        "b.scenario.yaml:3:11",
        *("c.scenario.yaml:4:1", "shared/common.yaml:4:1"),
    ]
    assert 'did you mean "severity"?' in problems[1].render()


@pytest.mark.parametrize(
    ("name", "text", "where", "code", "words"),
    [
        ("shared/common.yaml", "include: [../x.scenario.yaml]", "shared/common.yaml:1:11", "FA217", "form a circle"),
        ("shared/common.yaml", "include: [common.yaml]", "shared/common.yaml:1:11", "FA217", "common.yaml -> shared/"),
        ("shared/common.yaml", "include: [../../out.yaml]", "shared/common.yaml:1:11", "FA206", "leaves the project"),
        ("shared/common.yaml", "include: [x.yaml]", "shared/common.yaml:1:11", "FA206", "existing file below shared/"),
        ("shared/comon.yaml", "", "x.scenario.yaml:3:11", "FA206", 'did you mean "comon.yaml"?'),
        ("shared/common.yaml", "- 1", "shared/common.yaml:1:1", "FA217", "one mapping of words"),
        ("shared/common.yaml", "owner: a\n---\nowner: b\n", "shared/common.yaml:1:1", "FA217", "2 documents"),
        ("shared/common.yaml", "owner: &a b\n", "shared/common.yaml:1:8", "FA201", "the anchor &a"),
        ("scenario.defaults.yaml", "expect: {outputs: []}", "scenario.defaults.yaml:1:1", "FA202", "does not belong"),
        ("scenario.defaults.yaml", "agnet: a:B", "scenario.defaults.yaml:1:1", "FA202", 'did you mean "agent"?'),
    ],
)
def test_words_that_cannot_be_shared_are_refused(
    name: str, text: str, where: str, code: str, words: str, write: Write, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    write("out.yaml", "")
    for module in ("__init__.py", "agents.py"):
        write(f"root/shop/{module}", "class RefundAgent: ...\n")
    if name == "scenario.defaults.yaml":
        write("root/shared/common.yaml", COMMON)
    write(f"root/{name}", text)
    problems = refused(write("root/x.scenario.yaml", SHORT), root)
    assert [(problem.where, problem.code) for problem in problems if words in problem.render()] == [(where, code)]
    assert {problem.code for problem in problems} <= {code, "FA202"}


def test_many_includes_are_refused(write: Write, tmp_path: Path) -> None:
    for number in range(6):
        names = ", ".join([f"{number + 1}.yaml"] * 6)
        write(f"shared/{number}.yaml", f"include: [{names}]\n")
    write("shared/6.yaml", COMMON)
    write("shared/common.yaml", COMMON + "include: [0.yaml]\n")
    assert {problem.message for problem in refused(write("x.scenario.yaml", SHORT), tmp_path)} == {
        "too many included files"
    }
