"""What a job leaves when it is stopped for another version."""

from __future__ import annotations

from typing import cast

import pytest

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.faults import FaultTarget
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import AfterOutputs, AtStart, StartAnew, Step, SwitchVersion, TimelineRun
from pytest_flink_agents.vocabulary import UpgradeMode

JOB = "0123456789abcdef0123456789abcdef"


class RecordingCluster:
    """Writes down what happens to its job, which has a checkpoint or not."""

    def __init__(self, *, checkpoint: bool = True) -> None:
        self.happened: list[str] = []
        self._checkpoint = checkpoint
        self.rest = self

    def savepoint(self, job_id: str, *, stop: bool, timeout_s: float) -> str:
        self.happened.append("stopped")
        return "/savepoints/1"

    def last_checkpoint(self, job_id: str, *, timeout_s: float) -> str:
        assert timeout_s, "the first checkpoint of a job that has just started is waited for"
        if not self._checkpoint:
            raise HostError(Problem("FA442", f"job {job_id} has completed no checkpoint"))
        return "/checkpoints/chk-1"

    def final_checkpoint(self, job_id: str) -> str:
        # A checkpoint may complete between the first look and the end of the job.
        return f"/checkpoints/chk-{1 + self.happened.count('cancelled')}"

    def cancel(self, job_id: str, *, timeout_s: float) -> None:
        self.happened.append("cancelled")

    def job_state(self, job_id: str) -> str:
        return "RUNNING"


def stop(mode: UpgradeMode, cluster: RecordingCluster) -> tuple[str, bool]:
    """Return the address of what the job left, and whether its next one has to restore it."""
    version = RunVersion("candidate", AgentSubject("s", {}), cast(Place, None))
    act = SwitchVersion(version, lambda: cluster.happened.append("inputs written"), mode)
    result = act.perform(FaultTarget(cast(FlinkCluster, cluster), JOB))
    assert result.felt
    assert result.stopped
    return result.detail, result.interrupted


@pytest.mark.parametrize(
    ("mode", "left", "stopped"),
    [
        (UpgradeMode.SAVEPOINT, ("/savepoints/1", True), "stopped"),
        (UpgradeMode.LAST_STATE, ("/checkpoints/chk-2", True), "cancelled"),
        (UpgradeMode.STATELESS, ("", False), "cancelled"),
    ],
)
def test_each_mode_leaves_its_own_state_between_two_parts_of_the_input(
    mode: UpgradeMode, left: tuple[str, bool], stopped: str
) -> None:
    cluster = RecordingCluster()
    assert stop(mode, cluster) == left
    assert cluster.happened == ["inputs written", stopped, "inputs written"]


def test_a_job_without_a_checkpoint_is_not_cancelled_for_its_last_state() -> None:
    cluster = RecordingCluster(checkpoint=False)
    with pytest.raises(HostError, match="has completed no checkpoint"):
        stop(UpgradeMode.LAST_STATE, cluster)
    assert cluster.happened == ["inputs written"]


def test_a_job_that_another_version_replaces_is_not_done_before() -> None:
    version = RunVersion("candidate", AgentSubject("s", {}), cast(Place, None))
    target = FaultTarget(cast(FlinkCluster, RecordingCluster()), JOB)
    written = [0]
    switch = Step(AfterOutputs(1), SwitchVersion(version, lambda: None))
    run = TimelineRun([switch], target, lambda: written[0], frozenset)
    run.advance()
    assert run.switches
    written[0] = 1
    run.advance()
    assert not run.switches


@pytest.mark.parametrize(("restored", "felt"), [(0, True), (1, False)])
def test_a_fresh_start_is_felt_if_nothing_was_restored(restored: int, felt: bool) -> None:
    target = FaultTarget(cast(FlinkCluster, RecordingCluster()), JOB)
    run = TimelineRun([Step(AtStart(), StartAnew("candidate"))], target, lambda: 0, frozenset)
    (record,) = run.records(restored=restored)
    assert (record.act, record.felt) == ("start the candidate without state", felt)


def test_a_fresh_start_is_no_act_of_a_running_job() -> None:
    with pytest.raises(ValueError, match="cannot be triggered"):
        Step(AfterOutputs(1), StartAnew("candidate"))
