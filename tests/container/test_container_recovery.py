"""Replays of inputs, and faults of the network, on a cluster of containers."""

from __future__ import annotations

import pytest

from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.current import attempt_folder, session_of
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.vocabulary import Tier
from tests.support import scenario_runs

pytestmark = pytest.mark.slow

REPLAYED = """\
version: "1"
name: a refund is paid once wherever its process dies
agent: tests.support.agents.refunding:Durable
tiers: [container]
config: {actionStateStoreBackend: kafka, test.payments: "${effects.payments.url}"}
config_extra: true
effects: [{name: payments, route: POST /refunds}]
inputs: [{key: ada, value: 3}]
always_replay: true
expect: {effects: {payments: {count: 1}}, outputs: [{key: ada, value: 3}]}
"""
CUT = """\
version: "1"
name: a call whose answer is held back is made again, and every call is on record
agent: tests.support.agents.asking:Asking
tiers: [container]
environment: {SERVICE_URL: "${effects.payments.url}/refunds"}
effects: [{name: payments, route: POST /refunds}]
inputs: [{generate: {count: 200, keys: 4, value: refund}}]
faults:
  - after: {effect: payments}
    cut: effects
    direction: answers
    for: 3s
expect: {outputs: {count: 200}, effects: {payments: {count: {min: 201}}}}
within: 120s
"""


@pytest.fixture
def checked(request: pytest.FixtureRequest, flink_version: str):
    """Return a function that runs a scenario in containers and checks it."""

    def run(text: str) -> CheckedRun:
        session, folder = session_of(request.config), attempt_folder(request.node)
        folder.mkdir(parents=True)
        (folder / "one.scenario.yaml").write_text(text, encoding="utf-8")
        (loaded,) = load_file(folder / "one.scenario.yaml", Project.of(session.settings))
        return scenario_runs.checked(request, loaded, Tier.CONTAINER, folder / "run", flink_version)

    return run


def test_a_durable_agent_does_the_same_from_every_crash_point(checked) -> None:
    result = checked(REPLAYED)
    assert result.validity is Validity.VALID, result.text
    # Before anything is recorded, after the durable call, and after its action.
    assert str(result.evidence.replays) == "3 of 3 crash points replayed"


def test_a_call_whose_answer_is_held_back_is_made_again(checked) -> None:
    result = checked(CUT)
    assert result.validity is Validity.VALID, result.text
    (step,) = result.evidence.steps
    assert step.felt, step.detail
