"""Scenarios that lose their cluster because of another run's job."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import cluster_abandoned
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.run.item import ScenarioRun
from pytest_flink_agents.vocabulary import Tier

EVIDENCE = Evidence("embedded", "2.2.1", "bundled")
LOST = cluster_abandoned("another agent blocks it", "log")


class Prepared:
    """The services of a run, with its prepared evidence and a record of its steps."""

    def __init__(self, *answers: Evidence | HostError) -> None:
        self.answers = list(answers)
        self.directories: list[Path] = []
        self.provisioned_after: list[int] = []
        self.reported: list[str] = []

    def progress(self, line: str) -> None:
        self.reported.append(line)


class Run(ScenarioRun):
    """A run with prepared evidence; an error in its place is raised."""

    @property
    def prepared(self) -> Prepared:
        return cast(Prepared, self.services)

    def provision(self) -> None:
        self.prepared.provisioned_after.append(len(self.prepared.directories))

    def _evidence(self, directory: Path, seed: int | None) -> Evidence:
        assert directory.is_dir()
        self.prepared.directories.append(directory)
        answer = self.prepared.answers.pop(0)
        if isinstance(answer, HostError):
            raise answer
        return answer


def run_of(*answers: Evidence | HostError) -> Run:
    loaded = SimpleNamespace(scenario=SimpleNamespace(name="innocent"))
    return Run(cast(Any, Prepared(*answers)), cast(Any, loaded), Tier.EMBEDDED, cast(Any, None))


def test_a_run_that_lost_its_cluster_is_run_again_in_a_directory_of_its_own(tmp_path: Path) -> None:
    run = run_of(LOST, EVIDENCE)
    assert run.evidence_of_usable_cluster(tmp_path, None) is EVIDENCE
    assert run.prepared.directories == [tmp_path, tmp_path / "again-1"]
    assert run.prepared.provisioned_after == [1], "the next cluster starts before the run and its deadline"
    assert "innocent: the cluster was ended during the run: another agent blocks it" in run.prepared.reported[0]


def test_a_run_that_loses_three_clusters_is_not_judged(tmp_path: Path) -> None:
    run = run_of(LOST, LOST, LOST, EVIDENCE)
    with pytest.raises(HostError, match="FA457"):
        run.evidence_of_usable_cluster(tmp_path, None)


def test_other_errors_of_the_environment_are_not_tried_again(tmp_path: Path) -> None:
    run = run_of(HostError(Problem("FA404", "no answer")), EVIDENCE)
    with pytest.raises(HostError, match="FA404"):
        run.evidence_of_usable_cluster(tmp_path, None)
    assert len(run.prepared.directories) == 1
