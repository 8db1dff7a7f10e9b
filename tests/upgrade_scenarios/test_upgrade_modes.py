"""What the next version starts from: the last checkpoint of a cancelled job, or nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.upgrade_runs import checked

pytestmark = pytest.mark.slow

UPGRADE = """\
version: "1"
name: the next version goes on
agent: tests.support.agents.versions:NextTill
tiers: [embedded]
inputs:
  - generate: {{count: 60, keys: 3, value: {{customer: "${{input.key}}"}}}}
upgrade:
  from: {{agent: tests.support.agents.versions:Till}}
  after: {after}
  mode: {mode}
{words}expect:
  delivery: {{outputs: exactly_once}}
  outputs: {outputs}
within: 120s
"""


def test_the_last_checkpoint_of_a_cancelled_job_is_the_start(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    words = "  in_flight: 9\n  rollback: true\n"
    outputs = '{count: 60, distinct: "[customer, count]"}'
    run = checked(
        UPGRADE.format(mode="last-state", after="{outputs: 9}", words=words, outputs=outputs), tmp_path, request
    )
    assert run.valid, run.text
    upgrade = run.evidence.upgrade
    assert upgrade is not None
    assert all("/chk-" in str(version.restored) for version in upgrade.versions[1:])
    assert {output.value["version"] for output in run.evidence.outputs} == {"v1", "v2"}


def test_a_stateless_start_forgets_the_memory_and_reads_on(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    # Without input, Flink's consumer returns every ten seconds, and only then commits what a checkpoint covers.
    text = UPGRADE.format(mode="stateless", after="{checkpoint: 20}", words="  inputs: 12\n", outputs="{count: 60}")
    run = checked(text, tmp_path, request)
    assert run.valid, run.text
    upgrade = run.evidence.upgrade
    assert upgrade is not None
    assert [version.restored for version in upgrade.versions] == ["", ""]
    later = [output for output in run.evidence.outputs if output.value["version"] == "v2"]
    assert len(later) == 48
    assert all(output.value["count"] == output.value["own"] for output in later), "no memory of the version before"


def test_a_job_without_a_checkpoint_is_not_stopped(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = UPGRADE.format(mode="last-state", after="{seconds: 0}", words="", outputs="{count: 60}")
    text = text.replace("within:", "flink_config: {execution.checkpointing.interval: 1h}\nwithin:")
    run = checked(text.replace("within: 120s", "within: 20s"), tmp_path, request)
    assert not run.valid
    assert "has completed no checkpoint" in run.text


def test_the_next_version_survives_a_fault_before_the_way_back(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    outputs = '{count: 60, distinct: "[customer, count]"}'
    text = UPGRADE.format(mode="savepoint", after="{outputs: 9}", words="  rollback: true\n", outputs=outputs)
    text += "faults: [{after: {outputs: 3}, kill: taskmanager}]\n"
    run = checked(text, tmp_path, request)
    assert run.valid, run.text
    acts = [(step.act, step.felt) for step in run.evidence.steps]
    assert ("kill taskmanager", True) in acts
    kill = acts.index(("kill taskmanager", True))
    assert acts[kill - 1][0].startswith("start the candidate"), "it struck the candidate"


def test_a_state_of_the_other_mode_of_python_is_refused(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    text = UPGRADE.format(mode="savepoint", after="{outputs: 9}", words="", outputs="{count: 60}")
    text = text.replace("versions:Till}", "versions:Till, flink_config: {python.execution-mode: process}}")
    run = checked(f"{text}flink_config: {{python.execution-mode: thread}}\n", tmp_path, request)
    assert not run.valid
    assert "was written in process mode of Python, whose state thread mode does not find" in run.text
