"""Replays of inputs on a cluster, where each crash point ends an attempt and Flink restores the next one."""

from __future__ import annotations

from collections import Counter

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.replays import check_replays
from pytest_flink_agents.current import attempt_folder, session_of
from pytest_flink_agents.run.agent_runner import AgentRunner
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs

pytestmark = pytest.mark.slow

SCENARIO = """\
version: "1"
name: a refund is paid once wherever its attempt ends
agent: tests.support.agents.refunding:Durable
tiers: [embedded]
config: {actionStateStoreBackend: kafka, test.payments: "${effects.payments.url}"}
config_extra: true
effects: [{name: payments, route: POST /refunds}]
inputs: [{key: ada, value: 3}, {key: ada, value: 4}]
always_replay: true
expect: {effects: {payments: {count: 2}}, outputs: [{key: ada, value: 3}, {key: ada, value: 7}]}
"""


def test_a_durable_agent_does_the_same_from_every_crash_point(
    request: pytest.FixtureRequest, flink_version: str
) -> None:
    session, folder = session_of(request.config), attempt_folder(request.node)
    folder.mkdir(parents=True)
    file = folder / "refund.scenario.yaml"
    file.write_text(SCENARIO, encoding="utf-8")
    (loaded,) = load_file(file, Project.of(session.settings))
    checked = scenario_runs.checked(request, loaded, Tier.EMBEDDED, folder / "run", flink_version)
    assert checked.validity is Validity.VALID, checked.text
    replays = checked.evidence.replays
    assert replays is not None
    # Of each input: before anything is recorded, after the durable call, and after its action.
    assert str(replays) == "6 of 6 crash points replayed"
    made = Counter((call.input, call.attempt) for call in replays.calls)
    for one in replays.replays:
        # The attempt that ended has made the call; the next one makes it only if it was not recorded.
        assert made[one.input, one.died] == 1
        assert made[one.input, one.attempt] == (one.after == 0)
    assert [one.run.memory for one in replays.replays if one.run and one.input == 1] == [{"total": 7}] * 3


def test_a_careless_agent_is_caught(agent_runner: AgentRunner) -> None:
    evidence = agent_runner.run(
        "tests.support.agents.refunding:Careless",
        [("ada", 3), ("bob", 5)],
        config={"test.payments": "${effects.payments.url}"},
        effects=[{"name": "payments", "route": "POST /refunds"}],
        always_replay=True,
        check=False,
    )
    assert str(evidence.replays) == "2 of 2 crash points replayed"
    result = check_replays((), evidence)
    assert result.validity is Validity.INVALID
    said = "\n".join(finding.message for finding in result.findings)
    assert 'with {"amount": 5} is made twice for input 1 of key "bob"' in said
    assert 'input 0 of key "ada" has other outputs' in said
