"""The switches of an upgrade."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentSubject, JobSubject
from pytest_flink_agents.run.timeline import AfterOutputs, SwitchVersion, savepoint_of
from pytest_flink_agents.run.upgrade_steps import upgrade_steps
from pytest_flink_agents.run.versions import RunVersions, plans_of, versions_of
from pytest_flink_agents.scenario.upgrade import Upgrade


@pytest.mark.parametrize(
    ("rollback", "names"), [(False, ["candidate"]), (True, ["candidate", "baseline after the rollback"])]
)
def test_there_is_one_step_for_each_switch(rollback: bool, names: list[str]) -> None:
    upgrade = Upgrade.model_validate({"from": {"agent": "a:V1"}, "after": {"outputs": 2}, "rollback": rollback})
    baseline, candidate = versions()
    steps = upgrade_steps(upgrade, baseline, candidate, "", None, lambda: None)
    assert [step.trigger for step in steps] == [AfterOutputs(2)] * len(names)
    acts = [step.act for step in steps if isinstance(step.act, SwitchVersion)]
    assert [act.version.name for act in acts] == names
    assert [act.version.subject for act in acts] == [candidate.subject, baseline.subject][: len(names)]


def versions() -> tuple[RunVersion, RunVersion]:
    place = cast(Place, None)
    baseline = RunVersion("baseline", AgentSubject("s", {"agent": "a:V1"}), place)
    return baseline, RunVersion("candidate", AgentSubject("s", {"agent": "a:V2"}), place)


@pytest.mark.parametrize("rollback", [False, True])
def test_a_stored_savepoint_replaces_the_first_version(rollback: bool) -> None:
    words = {"from": {"savepoint": "s"}, **({"after": {"outputs": 2}, "rollback": True} if rollback else {})}
    upgrade, (baseline, candidate) = Upgrade.model_validate(words), versions()
    steps = upgrade_steps(upgrade, baseline, candidate, "file:/s", None, lambda: None)
    found = versions_of(candidate.subject, candidate.place, steps)
    assert [version.name for version in found.started] == ["candidate", "baseline after the rollback"][: 1 + rollback]
    assert found.upgrade == (baseline, candidate)
    assert savepoint_of(steps) == "file:/s"


def test_jobs_of_the_users_own_have_no_plans_to_compare() -> None:
    place = cast(Place, None)
    before, after = (RunVersion(name, JobSubject(Path(f"{name}.py")), place) for name in ("baseline", "candidate"))
    assert plans_of(RunVersions((before, after))) == ({}, {})
