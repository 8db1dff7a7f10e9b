"""Output that the documentation shows is what the code prints."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from flink_testbed.ownership.detached import DetachedService
from flink_testbed.ownership.owner import this_process
from pytest_flink_agents.evidence.model import Event, Evidence, Output
from pytest_flink_agents.gate import ItemResult, Outcome, Policy, decide
from pytest_flink_agents.provision.reuse import detached_lines
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.terminal import verdict_lines
from pytest_flink_agents.run.judgement import explained, judged
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support.documentation import ROOT, Block, blocks

if TYPE_CHECKING:
    from pathlib import Path

FAILURES = [block for block in blocks("text") if block.text.startswith("till.scenario.yaml")]
DETACHED = [block for block in blocks("text") if block.text.startswith("left running")]
TEA, CAKE = {"item": "tea", "amount": 3}, {"item": "cake", "amount": 4}


def test_every_output_is_compared() -> None:
    assert [block.place for block in blocks("text") if block not in [*FAILURES, *DETACHED]] == []


@pytest.mark.parametrize("block", FAILURES, ids=[block.place for block in FAILURES])
def test_the_failure_is_what_a_wrong_expectation_prints(block: Block, project: Path) -> None:
    """The scenario is the one of the tutorial, with the wrong total that its text speaks of."""
    right = next(block.text for block in blocks("yaml") if block.title == "till.scenario.yaml")
    file = project / "till.scenario.yaml"
    file.write_text(right.replace("total: 7", "total: 8"), encoding="utf-8")
    (loaded,) = load_file(file, Project(project))
    outputs = (Output("ada", {"item": "tea", "total": 3}), Output("ada", {"item": "cake", "total": 7}))
    events = (
        Event("_input_event", {"input": TEA}, "ada"),
        Event("_output_event", {"output": outputs[0].value}, "ada"),
        Event("_input_event", {"input": CAKE}, "ada"),
        Event("_output_event", {"output": outputs[1].value}, "ada"),
    )
    evidence = Evidence("local", "2.2.1", "bundled", outputs=outputs, events=events, job_state="FINISHED")
    text = explained(loaded, evidence, judged(loaded, evidence), "pytest", Redactor({}), "evidence.json")
    assert block.text.strip() == text.partition("\nagain:")[0].strip()


def test_the_verdict_of_the_readme_is_that_of_this_projects_scenarios() -> None:
    scenarios = [
        loaded.scenario.name
        for file in sorted((ROOT / "scenarios").glob("*.scenario.yaml"))
        for loaded in load_file(file, Project(ROOT))
    ]
    tiers = (Tier.LOCAL, Tier.EMBEDDED)
    results = [
        ItemResult(f"{name}[{tier}]", name, Outcome.PASSED, tier, "2.2.1", "bundled", file=name)
        for tier in tiers
        for name in scenarios
    ]
    policy = Policy("default", tiers, tiers)
    lines = verdict_lines(decide(results, policy), "flink-agents-report/NAME/summary.md", Redactor({}))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    # The run has a remark besides, on the scenario files of the tests.
    shown = readme.partition(f"\n{lines[0][0]}\n")[2].splitlines()[:3]
    assert [line.partition(":")[0] for line in shown] == ["  remark", "  not covered", "  report"]
    assert len(lines) == 3


def test_detached_services_are_reported_as_shown(tmp_path: Path) -> None:
    """The directories of the logs differ; all else is the same."""
    (tmp_path / "log").mkdir()
    services = [("Flink", "2.2.1", "http://127.0.0.1:29172"), ("Kafka", "4.1.1", "127.0.0.1:29176")]
    printed = [line for service in services for line in detached_lines(_detached(*service, tmp_path))]
    (block,) = DETACHED
    assert [_without_directory(line) for line in printed] == [
        _without_directory(line) for line in block.text.splitlines()
    ]


def _without_directory(line: str) -> str:
    return re.sub(r"(  logs: ).*", r"\1", line)


def _detached(what: str, version: str, address: str, directory: Path) -> DetachedService:
    return DetachedService(
        name="one",
        what=what,
        version=version,
        address=address,
        directory=str(directory),
        scratch=(),
        containers=(),
        digest="",
        until=0.0,
        holder=this_process(),
        guard=None,
    )
