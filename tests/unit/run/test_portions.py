"""The inputs that each job of a run gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_flink_agents.run.portions import portions
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import load_file

SCENARIO = """\
version: "1"
name: totals survive the upgrade
agent: flink_agents.api.agents.agent:Agent
tiers: [embedded]
inputs: [{key: a, value: 1}]
SWITCHES
expect: {delivery: {outputs: exactly_once}}
"""
UPGRADE = """\
upgrade:
  from: {agent: flink_agents.api.agents.agent:Agent}
  after: {outputs: 2}
"""
RESCALE = """\
faults:
  - {after: {outputs: 2}, rescale: {parallelism: 2}}
"""


def portions_of(folder: Path, words: str, count: int, switches: str = UPGRADE) -> list[list[int]]:
    file = folder / "x.scenario.yaml"
    file.write_text(SCENARIO.replace("SWITCHES\n", switches + words))
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


def test_inputs_in_flight_are_not_counted_on_for_the_next_version(tmp_path: Path) -> None:
    words = "  inputs: 4\n  in_flight: 3\n  rollback: true\n"
    with pytest.raises(ScenarioError, match="a version has 1 inputs of its own before its switch"):
        portions_of(tmp_path, words, 12)
    assert portions_of(tmp_path, words, 14)[2] == [7, 8]


def test_half_of_the_inputs_after_a_rescale_are_in_flight_at_the_savepoint(tmp_path: Path) -> None:
    assert portions_of(tmp_path, "", 8, RESCALE) == [[0, 1, 2, 3], [4, 5], [6, 7]]
    again = "  - {after: {seconds: 1}, kill: taskmanager}\n  - {after: {seconds: 1}, rescale: {parallelism: 1}}\n"
    assert portions_of(tmp_path, again, 9, RESCALE) == [[0, 1, 2], [3], [4, 5], [6], [7, 8]]


def test_a_rescale_that_waits_for_more_outputs_than_come_is_refused_at_its_line(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match=r"x.scenario.yaml:7:\d+: FA203: a job has 1 inputs .* 1 outputs"):
        portions_of(tmp_path, "", 3, RESCALE)


def test_a_job_without_inputs_of_its_own_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="inputs are missing for a job"):
        portions_of(tmp_path, "", 1, RESCALE)


def test_a_run_of_one_job_has_no_portions(tmp_path: Path) -> None:
    assert portions_of(tmp_path, "", 3, "faults:\n  - {after: {seconds: 1}, kill: taskmanager}\n") == []
