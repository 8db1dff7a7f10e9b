"""Runs whose cluster is ended because of another run's job."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.flink.cluster import cluster_abandoned
from pytest_flink_agents.run import cluster_run
from pytest_flink_agents.run.channel import MemoryChannel
from pytest_flink_agents.run.followed_run import FollowedRun
from pytest_flink_agents.run.launch import Launch
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.subject import AgentSubject
from pytest_flink_agents.run.timeline import AfterOutputs, Step, SwitchVersion
from pytest_flink_agents.vocabulary import UpgradeMode

AGENT = AgentSubject("s", {"agent": "a:B"}, {})
LOST_TASKMANAGER = "org.apache.flink.runtime.jobmaster.JobMasterException: TaskManager with id tm was lost"


class Cluster:
    """A cluster that may have been abandoned; each request to an abandoned one fails."""

    def __init__(self, *, abandoned: bool) -> None:
        self.processes = self
        self.configuration = dict
        self.jobs: list[str] = []
        self.ended: list[str] = []
        self._abandoned = abandoned

    def adopt(self, job_id: str) -> None:
        self.jobs.append(job_id)

    def require_alive(self) -> None:
        if self._abandoned:
            raise cluster_abandoned("another agent blocks it", "log")

    def exception(self, job_id: str) -> str:
        return LOST_TASKMANAGER

    def abandon(self, reason: str) -> bool:
        self.ended.append(reason)
        return True


def followed(cluster: Cluster) -> Any:
    place = cast(Any, SimpleNamespace(directory=Path("run"), events=Path("run")))
    launch = Launch("bundled", job_ids=("j",))
    run = FollowedRun(AGENT, MemoryChannel([]), place, cast(Any, cluster), launch, [], cast(Any, None))
    run._watches[0].state = "FAILED"
    return run


@pytest.mark.parametrize(("abandoned", "code"), [(True, "FA457"), (False, "FA404")])
def test_an_error_of_an_ended_cluster_names_its_end(
    abandoned: bool, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise HostError(Problem("FA404", "no answer"))

    monkeypatch.setattr(cluster_run, "_run", fail)
    place = cast(Any, SimpleNamespace(events=Path("run"), cluster=Cluster(abandoned=abandoned)))
    with pytest.raises(HostError, match=code):
        cluster_run.run_on_cluster(AGENT, MemoryChannel([]), place, [], 1)


def test_the_error_of_a_dead_process_keeps_its_subject(monkeypatch: pytest.MonkeyPatch) -> None:
    class Dead(Cluster):
        def require_alive(self) -> None:
            raise HostError(Problem("FA407", "Flink taskmanager-0 has died"))

    def fail(*arguments: object) -> None:
        raise HostError(Problem("FA407", "Flink taskmanager-0 has died while agent a:B ran"))

    monkeypatch.setattr(cluster_run, "_run", fail)
    place = cast(Any, SimpleNamespace(events=Path("run"), cluster=Dead(abandoned=False)))
    with pytest.raises(HostError, match="has died while agent a:B ran"):
        cluster_run.run_on_cluster(AGENT, MemoryChannel([]), place, [], 1)


def test_a_job_that_failed_because_its_cluster_was_ended_is_not_the_agents_failure() -> None:
    with pytest.raises(HostError, match="FA457"):
        followed(Cluster(abandoned=True))._failure()
    assert "was lost" in followed(Cluster(abandoned=False))._failure().message


def test_only_a_job_that_could_not_be_cancelled_ends_the_cluster() -> None:
    cluster = Cluster(abandoned=False)
    run = followed(cluster)
    run.abandon_blocked_cluster()
    assert not cluster.ended
    run._stuck = ["j"]
    run.abandon_blocked_cluster()
    assert cluster.ended == [
        "agent a:B ran beside this run, and the job could not be cancelled within 15 s: an action that never returns "
        "blocks its TaskManager"
    ]


class Growing(MemoryChannel):
    """A channel with outputs of two versions: each version has its first ones before its launch returns."""

    def __init__(self) -> None:
        super().__init__([])
        self.count = 0

    def outputs(self) -> Any:
        return (None,) * self.count


@pytest.mark.parametrize(("mode", "before"), [(UpgradeMode.SAVEPOINT, [0, 5]), (UpgradeMode.LAST_STATE, [0, 7])])
def test_outputs_that_come_while_a_version_is_launched_are_its_own_after_a_savepoint(
    mode: UpgradeMode, before: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    channel, given = Growing(), list[int]()
    place = cast(Any, SimpleNamespace(cluster=None, environment=SimpleNamespace(progress=lambda text: None)))
    switch = SwitchVersion(RunVersion("candidate", AGENT, place), lambda: None, mode)

    class Followed:
        launch, seconds = Launch("bundled", job_ids=("j",)), 1.0

        def __init__(self, *arguments: object, outputs_before: int) -> None:
            given.append(outputs_before)
            self.switch = (switch, "file:/s") if len(given) == 1 else None

        def follow(self, deadline_s: float) -> bool:
            channel.count += 3
            return True

        def ended(self) -> Any:
            return SimpleNamespace(run=self)

        def evidence(self, **times: object) -> None:
            return None

        def abandon_blocked_cluster(self) -> None:
            pass

    def launched(*arguments: object, **words: object) -> Launch:
        channel.count += 2
        return Followed.launch

    for name, fake in (("FollowedRun", Followed), ("_launched", launched), ("LogWatch", lambda cluster: None)):
        monkeypatch.setattr(cluster_run, name, fake)
    monkeypatch.setattr(cluster_run, "directory_of", lambda cluster: None)
    monkeypatch.setattr(cluster_run, "plans_of", lambda versions: ({}, {}))
    monkeypatch.setattr(cluster_run, "with_versions", lambda evidence, *rest: evidence)
    cluster_run._run(AGENT, channel, place, [Step(AfterOutputs(2), switch)], 60.0)
    assert given == before
