"""However pytest ends, its containers end too, and those of others stay."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

import psutil
import pytest

from flink_testbed.ownership.container_guard import order_of
from pytest_flink_agents.cli.main import main
from tests.support.pytest_sessions import job_runs, make_project, start_pytest, wait_for

pytestmark = pytest.mark.slow

MOMENTS = {
    "the network is there": lambda project, left: any("jobmanager" not in name for name in left),
    "a container is there": lambda project, left: any("jobmanager" in name for name in left),
    "the job runs": lambda project, left: job_runs(project),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_left_ten_seconds_after_sigkill(tmp_path: Path, left_of, stranger, moment: str) -> None:
    """No container, network, volume or socket.

    The signal goes to pytest's whole process group, which the guard is not in; after cleaning up,
    the guard ends too.
    """
    project = make_project(tmp_path / "project", nap_s=30)
    run = start_pytest(project, "--flink-tier=container")
    said = project / "pytest.out"
    try:
        reached = wait_for(lambda: run.poll() is not None or MOMENTS[moment](project, left_of(run.pid)), 180)
        assert reached, said.read_text()
        assert run.poll() is None, said.read_text()
        guards = _guards_of(run.pid)
        orders = [order_of(guard.cmdline()) for guard in guards]
        sockets = [Path(order.directory) for order in orders if order]
        assert left_of(run.pid)
        assert sockets
        assert all(path.is_dir() for path in sockets)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert wait_for(lambda: not left_of(run.pid), 10), left_of(run.pid)
    assert wait_for(lambda: not any(path.exists() for path in sockets), 10)
    assert psutil.wait_procs(guards, timeout=30)[1] == []
    stranger.reload()
    assert stranger.status == "running"


def test_a_sweep_removes_the_containers_of_a_killed_guard(
    tmp_path: Path, left_of, stranger, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """pytest and the guard are killed at the same time."""
    project = make_project(tmp_path / "project", nap_s=30)
    run = start_pytest(project, "--flink-tier=container")
    try:
        wait_for(lambda: run.poll() is not None or job_runs(project), 180)
        assert run.poll() is None, (project / "pytest.out").read_text()
        for guard in _guards_of(run.pid):
            guard.kill()
    finally:
        run.kill()
        run.wait()
    left = left_of(run.pid)
    assert len(left) == 3, left
    # Other sessions' records are not this test's to look at.
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(tmp_path / "cache"))
    assert main(["sweep", "--dry-run"]) == 0
    assert left_of(run.pid) == left
    capsys.readouterr()
    assert main(["sweep"]) == 0
    told = capsys.readouterr().out
    assert all(f"{name} (" in told for name in left), told
    assert stranger.name not in told
    assert left_of(run.pid) == []
    stranger.reload()
    assert stranger.status == "running"


def _guards_of(pid: int) -> list[psutil.Process]:
    found = []
    for child in psutil.Process(pid).children():
        # Others are there for a moment.
        with contextlib.suppress(psutil.NoSuchProcess):
            found += [child] if order_of(child.cmdline()) else []
    return found
