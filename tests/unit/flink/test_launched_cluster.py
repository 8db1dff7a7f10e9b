"""A cluster is looked at while it changes: its processes by another thread, its logs by Flink."""

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
    """Dead once killed; ``step`` is called just then, and while it is looked at."""

    def __init__(self, step: Callable[[], object]) -> None:
        self.step = step
        self.code: int | None = None

    def returncode(self) -> int | None:
        return self.code

    def cap_log(self) -> None:
        self.step()

    def pause(self) -> None:
        pass

    def resume(self) -> None:
        pass

    def stop(self, grace_s: float) -> None:
        self.kill()

    def kill(self) -> None:
        self.code = -9
        self.step()


class Cluster(LaunchedCluster):
    """A JobManager and a TaskManager that are no processes; ``meanwhile`` is what another thread does at any step."""

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
        """Let another thread do this at the next step, and nothing after."""

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


def test_a_process_may_come_while_all_are_looked_at(cluster: Cluster) -> None:
    cluster.once(cluster.processes.add_taskmanager)
    cluster.require_alive()
    assert cluster.processes.taskmanagers == ["taskmanager-0", "taskmanager-1"]


@pytest.mark.parametrize("kill", [LaunchedProcesses.kill_taskmanager, LaunchedProcesses.kill_jobmanager])
def test_a_process_that_is_being_killed_is_not_told_dead(
    cluster: Cluster, kill: Callable[[ClusterProcesses], object]
) -> None:
    """Nor is one whose successor is on its way: who waits for a job goes on waiting."""
    looks = []

    def look() -> None:
        cluster.require_alive()
        looks.append(cluster.processes.taskmanagers)
        cluster.once(look)

    cluster.once(look)
    kill(cluster.processes)
    assert looks


def test_nor_one_that_is_killed_after_another_began_to_look(cluster: Cluster) -> None:
    cluster.once(cluster.processes.kill_taskmanager)
    cluster.require_alive()
    assert cluster.processes.taskmanagers == []


def test_one_that_died_by_itself_is_told(cluster: Cluster) -> None:
    process = cluster.processes._member("taskmanager-0")
    assert isinstance(process, Process)
    process.code = 137
    with pytest.raises(HostError, match="FA407: Flink taskmanager-0 has died with exit code 137"):
        cluster.require_alive()


def test_of_a_log_what_was_written_since_is_read(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that was begun anew all of it; one that Flink removes between two looks is passed over."""
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
