"""The switches of an upgrade."""

from __future__ import annotations

from typing import cast

import pytest

from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import AfterOutputs, SwitchVersion
from pytest_flink_agents.run.upgrade_steps import upgrade_steps
from pytest_flink_agents.scenario.upgrade import Upgrade


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
