"""Files that `compare: {baseline: {evidence: ...}}` names, and which are no evidence of the scenario."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from flink_testbed.core.problem import Problem
from pytest_flink_agents.evidence.model import Event, Evidence, MemoryOfKey, Output
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.evidence_file import as_stored, read_evidence, write_evidence
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import LoadedScenario, load_file

Problems: TypeAlias = Callable[[str], list[Problem]]

COMPARE = "compare: {baseline: {evidence: evidence.json}}\n"
RUN = Evidence(
    "local",
    "2.2.1",
    "bundled",
    outputs=(Output("c-1", {"token": "s3cr3t", "total": 3}, 0),),
    events=(Event("_input_event", {"input": [1, 2.5, None]}, ("c", 1)),),
    input_keys=("c-1",),
    memory=(MemoryOfKey("c-1", {"total": 3}),),
)


def write(folder: Path, scenario: str = "refund is approved once", evidence: Evidence = RUN) -> None:
    write_evidence(folder, evidence, (), Redactor({"API_TOKEN": "s3cr3t"}), scenario)


def test_stored_evidence_is_read_as_it_was_written_without_secrets(tmp_path: Path) -> None:
    write(tmp_path)
    stored = read_evidence(tmp_path / "evidence.json")
    assert stored.outputs == (Output("c-1", {"token": "***", "total": 3}, 0),)
    assert stored == as_stored(RUN, Redactor({"API_TOKEN": "s3cr3t"}))


def test_evidence_of_the_scenario_can_be_compared_with(
    tmp_path: Path, load: Callable[..., LoadedScenario], sound: str
) -> None:
    write(tmp_path)
    assert load(sound + COMPARE).scenario.compare is not None


def test_evidence_of_another_combination_is_refused(tmp_path: Path, problems: Problems, sound: str) -> None:
    text = sound.replace("amount: 20", 'amount: "${matrix.amount}"')
    text += 'matrix: {amount: [20, 30]}\ncompare: {baseline: {evidence: "evidence-${matrix.amount}.json"}}\n'
    names = [f"refund is approved once[amount={amount}]" for amount in (20, 30)]
    for name, amount in zip(names, (20, 30), strict=True):
        write(tmp_path, name)
        (tmp_path / "evidence.json").rename(tmp_path / f"evidence-{amount}.json")
    file = tmp_path / "x.scenario.yaml"
    file.write_text(text, encoding="utf-8")
    assert [each.name for each in load_file(file, Project(tmp_path))] == names
    shutil.copy(tmp_path / "evidence-20.json", tmp_path / "evidence-30.json")
    (problem,) = problems(text)
    assert problem.message == "the stored evidence is that of another scenario: evidence-30.json"
    assert (problem.expected, problem.seen) == (f'the string "{names[1]}"', f'the string "{names[0]}"')


@pytest.mark.parametrize(
    ("change", "message", "seen"),
    [
        ({"schema_version": "0"}, "the stored evidence cannot be compared with: evidence.json", "schema_version"),
        ({"schema_version": None}, "the stored evidence cannot be compared with: evidence.json", "schema_version"),
        ({"scenario": "another"}, "the stored evidence is that of another scenario: evidence.json", '"another"'),
    ],
)
def test_evidence_of_another_schema_or_scenario_is_refused(
    change: dict[str, str], message: str, seen: str, tmp_path: Path, problems: Problems, sound: str
) -> None:
    write(tmp_path)
    file = tmp_path / "evidence.json"
    file.write_text(json.dumps(json.loads(file.read_text(encoding="utf-8")) | change), encoding="utf-8")
    (problem,) = problems(sound + COMPARE)
    assert (problem.code, problem.where, problem.message) == ("FA439", "x.scenario.yaml:9:32", message)
    assert seen in problem.seen


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"[" * 100_000, b"\xff", b'"x"'])
def test_what_is_no_evidence_is_refused(content: bytes, tmp_path: Path, problems: Problems, sound: str) -> None:
    (tmp_path / "evidence.json").write_bytes(content)
    (problem,) = problems(sound + COMPARE)
    assert problem.code == "FA439"
