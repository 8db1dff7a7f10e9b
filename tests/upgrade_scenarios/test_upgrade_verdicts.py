"""Next versions that must not be promoted, each with what its scenario says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.run import cluster_run
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.launch import Launch, launch_agent
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import acts
from tests.support.pytest_sessions import processes_of, wait_for
from tests.support.upgrade_runs import checked

pytestmark = pytest.mark.slow

TILL = """\
version: "1"
name: totals survive the next release
agent: tests.support.agents.versions:{agent}
tiers: [embedded]
inputs:
  - generate: {{count: 20, keys: 4, value: {{customer: "${{input.key}}"}}}}
upgrade:
  from: {{agent: tests.support.agents.versions:Till}}
  after: {{outputs: 8}}
  inputs: 8
expect:
  delivery: {{outputs: exactly_once}}
within: 120s
"""
DESK = """\
version: "1"
name: refunds survive the next release
agent: tests.support.agents.versions:RenamedDesk
tiers: [embedded]
config: {payments.address: "${effects.payments.url}"}
config_extra: true
effects:
  - {name: payments, route: POST /refunds, reply: {status: 201}, fault: {delay: 8s}}
inputs:
  - {key: c-1, value: o-1}
  - {key: c-2, value: o-2}
upgrade:
  from: {agent: tests.support.agents.versions:Desk}
  after: {effect: payments}
expect:
  delivery: {outputs: exactly_once}
within: 120s
"""
RESCALED = """\
version: "1"
name: totals survive another parallelism
agent: tests.support.agents.versions:Till
tiers: [embedded]
inputs:
  - generate: {count: 40, keys: 4, value: {customer: "${input.key}"}}
faults:
  - {after: {outputs: 8}, rescale: {parallelism: %d}}
expect:
  delivery: {outputs: exactly_once}
within: 120s
"""


def test_a_renamed_action_blocks_and_names_what_is_unreachable(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    run = checked(TILL.format(agent="RenamedTill"), tmp_path, request)
    assert run.validity is Validity.INVALID
    assert [result.check for result in run.results if result.validity is not Validity.VALID] == ["upgrade"], run.text
    assert "the candidate has no action receipt; unreachable: unfinished calls of receipt in the savepoint" in run.text
    assert "renamed to ticket, which listens to the same events" in run.text


def test_an_unfinished_call_of_a_renamed_action_fails_the_next_version(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = checked(DESK, tmp_path, request)
    assert run.validity is Validity.INVALID
    assert "the restored state of key 'c-1' has unfinished calls of pay, and the agent has no action of that name" in (
        run.text
    )


def test_a_next_version_that_fails_at_its_first_input_blocks(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    run = checked(TILL.format(agent="BrokenTill"), tmp_path, request)
    assert run.validity is Validity.INVALID
    assert "the field customer is gone" in run.text


STOPS = {"savepoint": "stop with a savepoint for the candidate", "stateless": "stop without state for the candidate"}


@pytest.mark.parametrize("mode", STOPS)
def test_a_version_that_never_returns_is_not_stopped_and_its_action_is_named(
    mode: str,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    flink_cluster: FlinkCluster,
) -> None:
    monkeypatch.setattr(acts, "_SAVEPOINT_S", 5.0)
    text = TILL.format(agent="NextTill").replace("versions:Till}", "versions:StuckTill}")
    # The third purchase of a customer is among the first twelve, and the switch waits for no output: on a busy machine the
    # job has not come to that purchase after three seconds, and stops.
    text = text.replace("after: {outputs: 8}\n  inputs: 8", f"after: {{seconds: 10}}\n  inputs: 12\n  mode: {mode}")
    run = checked(text, tmp_path, request)
    assert run.validity is Validity.UNKNOWN, run.text
    assert run.headline == f'the job did not stop at the step "{STOPS[mode]}", so the next one never began'
    assert 'still waiting on action add of key "key-0"' in run.text
    assert "the broker acknowledged" not in run.text
    assert f"threads of the job that did not stop: {run.evidence.files['threads']}" in run.text
    assert Path(run.evidence.files["threads"]).is_file()
    # Its TaskManager is blocked, so its cluster ends with it.
    assert wait_for(lambda: not processes_of(flink_cluster.directory), 10), processes_of(flink_cluster.directory)


def launched_anew(
    subject: AgentSubject, channel: Channel, place: Place, cluster: FlinkCluster, savepoint: str, **words: Any
) -> Launch:
    """Launch an agent without the savepoint that it is to start from."""
    return launch_agent(subject, channel, place, cluster, "", **words)


def test_a_next_version_that_begins_anew_blocks(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_run, "launch_agent", launched_anew)
    run = checked(TILL.format(agent="NextTill"), tmp_path, request)
    assert run.validity is Validity.INVALID
    assert "the candidate began anew: it did not restore the savepoint that it was started from" in run.text
    assert "output duplicated: input 0" in run.text


def test_a_job_that_begins_anew_with_another_parallelism_blocks(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_run, "launch_agent", launched_anew)
    run = checked(RESCALED % 2, tmp_path, request)
    assert run.validity is Validity.INVALID
    assert "the job with parallelism 2 began anew: it did not restore the savepoint" in run.text
    assert "output duplicated: input 0" in run.text


def test_a_parallelism_that_stays_the_same_proves_nothing(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    run = checked(RESCALED % 1, tmp_path, request)
    assert run.validity is Validity.UNKNOWN
    assert 'the step "rescale to parallelism 1" had no effect on the run: the parallelism was 1, and is 1' in run.text
