"""Matrices: one scenario for each combination of values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import LoadedScenario, load_file

Problems: TypeAlias = Callable[[str], list[Problem]]
Combinations: TypeAlias = Callable[[str], dict[str, LoadedScenario]]


@pytest.fixture
def combinations(tmp_path: Path) -> Combinations:
    """The scenarios of a text by name."""

    def load_all(text: str) -> dict[str, LoadedScenario]:
        file = tmp_path / "x.scenario.yaml"
        file.write_text(text)
        return {each.name: each for each in load_file(file, Project(tmp_path))}

    return load_all


def test_each_combination_is_a_scenario_with_a_name(combinations: Combinations, sound: str) -> None:
    found = combinations(
        sound + 'matrix: {retries: [1, 2], model: [small, "a/b c"]}\n'
        'config: {max-retries: "${matrix.retries}", job-identifier: "job ${matrix.retries} ${matrix.model}"}\n'
    )
    name = "refund is approved once"
    assert {each: loaded.scenario.config for each, loaded in found.items()} == {
        f"{name}[retries=1,model=small]": {"max-retries": 1, "job-identifier": "job 1 small"},
        f"{name}[retries=1,model=%22a%2Fb%20c%22]": {"max-retries": 1, "job-identifier": "job 1 a/b c"},
        f"{name}[retries=2,model=small]": {"max-retries": 2, "job-identifier": "job 2 small"},
        f"{name}[retries=2,model=%22a%2Fb%20c%22]": {"max-retries": 2, "job-identifier": "job 2 a/b c"},
    }


def test_values_that_read_alike_have_names_of_their_own(combinations: Combinations, sound: str) -> None:
    values = '[1, "1", 1.5, true, "true", "null", word, "::x", "[", "é", "${x}"]'.replace("$", "$$")
    found = combinations(sound.replace("amount: 20", 'amount: "${matrix.v}"') + f"matrix: {{v: {values}}}\n")
    assert [name.partition("=")[2] for name in found] == [
        *("1]", "%221%22]", "1.5]", "true]", "%22true%22]", "%22null%22]", "word]", "%22%3A%3Ax%22]", "%22%5B%22]"),
        *("%22%C3%A9%22]", "%22%24%24%7Bx%7D%22]"),
    ]
    amounts = [loaded.scenario.inputs[0].model_dump()["value"]["amount"] for loaded in found.values()]
    assert amounts == [1, "1", 1.5, True, "true", "null", "word", "::x", "[", "é", "${x}"]


def test_values_reach_expectations_and_durations(combinations: Combinations, sound: str) -> None:
    text = sound.replace("status: approved", "status: {contains: '${matrix.s}'}") + "within: ${matrix.w}\n"
    found = combinations(text + "matrix: {s: [a], w: [1s, 2s]}\n")
    assert [loaded.scenario.within for loaded in found.values()] == [1.0, 2.0]
    (output,) = next(iter(found.values())).outputs or ()
    assert not output.value.match({"status": "an a"})
    assert output.value.match({"status": "b"})


@pytest.mark.parametrize(
    ("matrix", "code", "words"),
    [
        ("{v: 4}", "FA203", "wrong value for matrix.v"),
        ("{v: []}", "FA203", "a list that is not empty"),
        ("{v: [[1]]}", "FA203", "wrong value for matrix.v[0]"),
        ("{v: [null]}", "FA203", "a number, true, false, or a string"),
        ("{v: [1, 1]}", "FA203", "each value once"),
        ("{v: [1], 'a b': [1]}", "FA203", "a name of letters, digits and underscores"),
        ("{v: [1], w: [1, 2]}", "FA210", "no ${matrix.w} uses matrix.w"),
        ("{x: [1]}", "FA210", "expected: one of"),
        ("{v: " + str(list(range(1001))) + "}", "FA211", "at most 1,000 combinations\n  seen:     1,001"),
    ],
)
def test_a_wrong_matrix_is_refused(matrix: str, code: str, words: str, problems: Problems, sound: str) -> None:
    found = problems(sound.replace("amount: 20", 'amount: "${matrix.v}"') + f"matrix: {matrix}\n")
    assert [(problem.code, problem.where.rpartition(":")[0]) for problem in found][-1:] != []
    (problem, *_) = [each for each in found if words in each.render()]
    assert problem.code == code
    assert len(found) == (2 if "x:" in matrix else 1)


def test_ten_thousand_combinations_are_refused_with_the_bound(problems: Problems, sound: str) -> None:
    text = sound.replace("amount: 20", 'amount: "${matrix.v} ${matrix.w}"').replace(
        "status: approved", "a: {one_of: []}"
    )
    numbers = list(range(100))
    found = problems(text + f"matrix: {{v: {numbers}, w: {numbers}}}\n")
    assert [(problem.code, problem.seen) for problem in found][-1] == ("FA211", "10,000")
    assert len(found) == 2


@pytest.mark.parametrize("place", ["name", "key"])
def test_names_and_keys_have_no_values_of_a_matrix(place: str, problems: Problems, sound: str) -> None:
    text = sound + 'matrix: {v: [1, 2]}\nowner: "${matrix.v}"\n'.replace("owner", "description")
    text = text.replace("approved once", "of ${matrix.v}") if place == "name" else text + 'config: {"${matrix.v}": 1}\n'
    found = [problem for problem in problems(text) if problem.code == "FA210"]
    assert [problem.message for problem in found] == ["the placeholder ${matrix.v} is not replaced here"]


def test_a_mistake_in_every_combination_is_reported_once(problems: Problems, sound: str) -> None:
    text = sound.replace("amount: 20", 'amount: "${matrix.v}"') + "matrix: {v: [1, 2, 3]}\nimputs: 1\n"
    assert [problem.code for problem in problems(text)] == ["FA202"]


def test_a_placeholder_near_the_name_of_a_matrix_is_named(problems: Problems, sound: str) -> None:
    text = sound.replace("amount: 20", 'amount: "${matrix.paralelism} ${matrix.parallelism}"')
    (problem,) = problems(text + "matrix: {parallelism: [1]}\n")
    assert "did you mean ${matrix.parallelism}?" in problem.next_step
