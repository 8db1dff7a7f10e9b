"""A launched cluster that changes while another thread looks at it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.config import Addresses, ClusterConfig
from flink_testbed.flink.launched import LaunchedCluster
from flink_testbed.flink.processes import ClusterProcesses, LaunchedProcesses
from flink_testbed.flink.rest import RestClient


class Process:
    """A fake process; ``step`` is called whenever it is looked at or killed."""

    def __init__(self, step: Callable[[], object]) -> None:
        self.step = step
        self.code: int | None = None

    def returncode(self) -> int | None:
        return self.code

    def cap_log(self) -> None:
        self.step()

    def fill_disk(self) -> None:
        pass

    def free_disk(self) -> None:
        pass

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def stop(self, grace_s: float) -> None:
        self.kill()

    def kill(self) -> None:
        self.code = -9
        self.step()

    def kill_programs(self, fragment: str) -> int:
        return 2 if fragment == "pyflink.fn_execution.beam" else 0


class Cluster(LaunchedCluster):
    """A cluster of two fake processes; ``meanwhile`` stands for the other thread, at every step."""

    def __init__(self, directory: Path) -> None:
        super().__init__(
            ClusterConfig(),
            flink_version="2.2.1",
            run_id="r",
            directory=directory,
            startup_timeout_s=1,
            progress=lambda line: None,
        )
        self.meanwhile: Callable[[], object] = lambda: None
        self.processes.start()

    def _prepare(self) -> tuple[Addresses, RestClient]:
        raise NotImplementedError

    def _launch(self, name: str, main: str, flags: Sequence[str], arguments: Sequence[str]) -> Process:
        self.step()
        return Process(self.step)

    def step(self) -> None:
        self.meanwhile()

    def once(self, act: Callable[[], object]) -> None:
        """Call ``act`` at the next step only."""

        def first() -> None:
            self.meanwhile = lambda: None
            act()

        self.meanwhile = first

    def _report(self, name: str) -> list[str]:
        return []

    def _release(self) -> None:
        pass

    @property
    def _python(self) -> Path:
        return Path("python")


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    return Cluster(tmp_path)


def test_a_process_may_be_added_during_a_look_at_all(cluster: Cluster) -> None:
    cluster.once(cluster.processes.add_taskmanager)
    cluster.require_alive()
    assert cluster.processes.taskmanagers == ["taskmanager-0", "taskmanager-1"]


@pytest.mark.parametrize("kill", [LaunchedProcesses.kill_taskmanager, LaunchedProcesses.kill_jobmanager])
def test_a_process_is_not_reported_dead_while_a_test_kills_it(
    cluster: Cluster, kill: Callable[[ClusterProcesses], object]
) -> None:
    looks = []

    def look() -> None:
        cluster.require_alive()
        looks.append(cluster.processes.taskmanagers)
        cluster.once(look)

    cluster.once(look)
    kill(cluster.processes)
    assert looks


def test_a_process_killed_during_a_look_is_not_reported_dead(cluster: Cluster) -> None:
    cluster.once(cluster.processes.kill_taskmanager)
    cluster.require_alive()
    assert cluster.processes.taskmanagers == []


def test_a_process_that_died_by_itself_is_reported(cluster: Cluster) -> None:
    process = cluster.processes._member("taskmanager-0")
    assert isinstance(process, Process)
    process.code = 137
    with pytest.raises(HostError, match="FA407: Flink taskmanager-0 has died with exit code 137"):
        cluster.require_alive()


def test_a_run_that_sees_an_abandoned_cluster_at_any_moment_finds_the_reason(cluster: Cluster) -> None:
    seen: list[str] = []

    def look() -> None:
        with pytest.raises(
            HostError, match="FA457: the cluster was ended during the run: an agent blocks it"
        ) as caught:
            cluster.require_alive()
        seen.append(caught.value.problems[0].code)

    cluster.meanwhile = look
    assert cluster.abandon("an agent blocks it")
    look()
    assert seen == ["FA457"] * 3
    assert cluster.processes.members == {}


def test_logs_since_survive_rotation_and_removal_of_files(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    log = cluster.directory / "log"
    log.mkdir()
    for name in ("grows", "anew", "removed"):
        (log / name).write_text("before\n")
    seen = cluster.logs.files()
    sizes = cluster.logs.sizes()
    assert sizes == {"grows": 7, "anew": 7, "removed": 7}
    (log / "grows").write_text("before\nafter\n")
    (log / "anew").write_text("new\n")
    (log / "removed").unlink()
    monkeypatch.setattr(cluster.logs, "files", lambda: seen)
    assert cluster.logs.since(sizes) == {"grows": "after\n", "anew": "new\n"}
    assert cluster.logs.sizes() == {"grows": 13, "anew": 4}


def test_python_workers_are_killed_below_every_taskmanager_and_nowhere_else(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    assert cluster.processes.kill_python_workers() == 2
    cluster.processes.add_taskmanager()
    assert cluster.processes.kill_python_workers() == 4
    assert {member.returncode() for member in cluster.processes.members.values()} == {None}
