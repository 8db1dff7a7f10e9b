"""The team's own job of one version: its file, its arguments and its connector."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pytest_flink_agents.provision.checkout import Checkout
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.job_subject import job_subject
from pytest_flink_agents.run.subject import JobSubject
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import ScenarioError
from pytest_flink_agents.scenario.load import load_file

SCENARIO = """\
version: "1"
name: totals
job: {jar: jobs/new.jar, main_class: shop.Totals, args: ["${input.topic}", "${output.topic}", "${kafka.connector}"]}
tiers: [embedded]
inputs: [{key: a, value: 1}, {key: a, value: 2}]
upgrade: {from: {job: {jar: jobs/old.jar}, git: v1}, after: {outputs: 1}}
expect: {delivery: {outputs: exactly_once, per_input: 3}}
"""


def subject(root: Path, checkout: Checkout | None) -> JobSubject:
    """Return the version before, whose Flink has another connector than the one of the channel."""
    (root / "jobs").mkdir()
    (root / "jobs" / "new.jar").touch()
    (root / "x.scenario.yaml").write_text(SCENARIO, encoding="utf-8")
    (loaded,) = load_file(root / "x.scenario.yaml", Project(root))
    environment = SimpleNamespace(connector=Path("/jars/connector-of-1.20.jar"))
    place = cast(Any, SimpleNamespace(environment=environment, setup=SimpleNamespace(parallelism=2)))
    values = {"input.topic": "in", "output.topic": "out", "kafka.connector": "/jars/connector-of-2.2.jar"}
    channel = cast(Channel, SimpleNamespace(values=values, inputs=[{}, {}]))
    return job_subject(loaded.before_upgrade(), channel, place, {}, None, checkout)


def test_the_version_before_has_the_file_of_its_commit_and_the_connector_of_its_flink(tmp_path: Path) -> None:
    root, commit = tmp_path / "project", tmp_path / "commit"
    for directory in (root, commit / "jobs"):
        directory.mkdir(parents=True)
    (commit / "jobs" / "old.jar").touch()
    made = subject(root, Checkout(commit, "v1", "c" * 40))
    assert made.file == commit / "jobs" / "old.jar"
    assert (made.main_class, made.args) == ("shop.Totals", ("in", "out", "/jars/connector-of-1.20.jar"))
    assert (made.parallelism, made.expected_outputs) == (2, 6)
    assert made.environment["SCENARIO_KAFKA_CONNECTOR"] == "/jars/connector-of-1.20.jar"


def test_a_file_that_the_commit_does_not_have_is_named_with_the_commit(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError) as caught:
        subject(tmp_path, Checkout(tmp_path / "commit", "v1", "c" * 40))
    (problem,) = caught.value.problems
    assert (problem.code, problem.message) == ("FA206", "no file jobs/old.jar at v1 (cccccccccccc)")
    assert problem.where.startswith("x.scenario.yaml:6:")
