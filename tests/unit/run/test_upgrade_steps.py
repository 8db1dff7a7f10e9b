"""The switches of an upgrade, and the inputs that each version gets."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import AfterOutputs, SwitchVersion
from pytest_flink_agents.run.upgrade_steps import portions, upgrade_steps
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.scenario.upgrade import Upgrade

SCENARIO = """\
version: "1"
name: totals survive the upgrade
agent: flink_agents.api.agents.agent:Agent
tiers: [embedded]
inputs: [{key: a, value: 1}]
upgrade:
  from: {agent: flink_agents.api.agents.agent:Agent}
  after: {outputs: 2}
WORDS
expect: {delivery: {outputs: exactly_once}}
"""


def portions_of(folder: Path, words: str, count: int) -> list[list[int]]:
    file = folder / "x.scenario.yaml"
    file.write_text(SCENARIO.replace("WORDS\n", words))
    (loaded,) = load_file(file, Project(folder))
    return [list(part) for part in portions(loaded, count)]


def test_each_version_gets_an_equal_part_by_default(tmp_path: Path) -> None:
    assert portions_of(tmp_path, "", 5) == [[0, 1], [], [2, 3, 4]]
    assert portions_of(tmp_path, "  rollback: true\n", 7) == [[0, 1], [], [2, 3], [], [4, 5, 6]]


def test_inputs_in_flight_are_written_right_before_each_savepoint(tmp_path: Path) -> None:
    assert portions_of(tmp_path, "  inputs: 4\n  in_flight: 2\n", 8) == [[0, 1, 2, 3], [4, 5], [6, 7]]
    found = portions_of(tmp_path, "  inputs: 4\n  in_flight: 1\n  rollback: true\n", 10)
    assert found == [[0, 1, 2, 3], [4], [5, 6], [7], [8, 9]]


def test_every_input_is_written_once_and_in_order(tmp_path: Path) -> None:
    for words in ("", "  in_flight: 3\n", "  rollback: true\n", "  inputs: 11\n  in_flight: 2\n  rollback: true\n"):
        found = portions_of(tmp_path, words, 50)
        assert [number for part in found for number in part] == list(range(50))


@pytest.mark.parametrize(
    ("words", "count"), [("", 1), ("  inputs: 5\n", 5), ("  inputs: 3\n  in_flight: 2\n", 5), ("  rollback: true\n", 2)]
)
def test_a_version_without_inputs_of_its_own_is_refused(words: str, count: int, tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="inputs are missing for a version"):
        portions_of(tmp_path, words, count)


def test_a_switch_that_waits_for_more_outputs_than_come_is_refused_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(
        ScenarioError, match=r"x.scenario.yaml:8:\d+: FA203: a version has 1 inputs of its own .* 1 outputs"
    ):
        portions_of(tmp_path, "  inputs: 1\n", 5)


@pytest.mark.parametrize(
    ("rollback", "names"), [(False, ["candidate"]), (True, ["candidate", "baseline after the rollback"])]
)
def test_there_is_one_step_for_each_switch(rollback: bool, names: list[str]) -> None:
    upgrade = Upgrade.model_validate({"from": {"agent": "a:V1"}, "after": {"outputs": 2}, "rollback": rollback})
    baseline, candidate = AgentSubject("s", {"agent": "a:V1"}), AgentSubject("s", {"agent": "a:V2"})
    place = cast(Place, None)
    steps = upgrade_steps(upgrade, (candidate, place), (baseline, place), None, lambda: None)
    assert [step.trigger for step in steps] == [AfterOutputs(2)] * len(names)
    acts = [step.act for step in steps if isinstance(step.act, SwitchVersion)]
    assert [act.name for act in acts] == names
    assert [act.subject for act in acts] == [candidate, baseline][: len(names)]


def test_inputs_in_flight_are_not_counted_on_for_the_next_version(tmp_path: Path) -> None:
    words = "  inputs: 4\n  in_flight: 3\n  rollback: true\n"
    with pytest.raises(ScenarioError, match="a version has 1 inputs of its own before its switch"):
        portions_of(tmp_path, words, 12)
    assert portions_of(tmp_path, words, 14)[2] == [7, 8]
