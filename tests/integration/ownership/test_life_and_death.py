"""However pytest ends, the processes it started end too, and sessions do not disturb each other."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.support.pytest_sessions import (
    REACHED_S,
    SCENARIO,
    SESSION_S,
    files_of,
    job_runs,
    make_project,
    ports_of,
    processes_of,
    require_nothing_left,
    start_pytest,
    wait_for,
)

pytestmark = pytest.mark.slow


def verdict_of(project: Path) -> dict[str, Any]:
    return dict(json.loads((project / "flink-agents-report/latest/verdict.json").read_text()))


MOMENTS = {
    "the local worker starts": lambda project: any("local.worker" in line for line in processes_of(project)),
    "the client JVM is up": lambda project: bool(files_of(project, "taskmanager-0.log")),
    "the job runs": job_runs,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_left_ten_seconds_after_sigterm(tmp_path: Path, moment: str) -> None:
    """pytest runs no teardown on SIGTERM."""
    project = make_project(tmp_path / "project", nap_s=30)
    tier = "--flink-tier=local" if moment == "the local worker starts" else "--flink-tier=embedded"
    run = start_pytest(project, tier)
    try:
        assert wait_for(lambda: run.poll() is not None or MOMENTS[moment](project), REACHED_S), (
            project / "pytest.out"
        ).read_text()
        assert run.poll() is None, (project / "pytest.out").read_text()
        run.terminate()
        run.wait(10)
        require_nothing_left(project)
    finally:
        run.kill()
        run.wait()


def test_ctrl_c_ends_everything_and_the_verdict_is_inconclusive(tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", nap_s=30)
    run = start_pytest(project, "--flink-tier=embedded")
    assert wait_for(lambda: run.poll() is not None or job_runs(project), REACHED_S), (
        project / "pytest.out"
    ).read_text()
    run.send_signal(signal.SIGINT)
    assert run.wait(REACHED_S) == 2, (project / "pytest.out").read_text()
    assert processes_of(project) == []
    assert verdict_of(project)["verdict"] == "inconclusive"


def test_two_sessions_at_once_share_the_cache_but_no_port_and_leave_no_process(tmp_path: Path) -> None:
    """One is distributed: a single cluster serves all its workers, and it promotes like one process."""
    projects = [make_project(tmp_path / name, nap_s=0.2) for name in ("one", "distributed")]
    for number in range(3):
        text = SCENARIO.replace("NAP_S", "0.3").replace("a nap", f"nap {number}")
        (projects[1] / f"more{number}.scenario.yaml").write_text(text)
    runs = [start_pytest(project, *options) for project, options in zip(projects, ([], ["-n3"]), strict=True)]
    for project, run in zip(projects, runs, strict=True):
        assert run.wait(SESSION_S) == 0, (project / "pytest.out").read_text()
        assert processes_of(project) == []
    assert not set(ports_of(projects[0])) & set(ports_of(projects[1]))
    verdicts = [verdict_of(project) for project in projects]
    assert [(verdict["verdict"], verdict["counts"]["passed"]) for verdict in verdicts] == [
        ("promote", 2),
        ("promote", 8),
    ]
    # The cluster's own log; parts of it are copied to each scenario too.
    assert len([path for path in projects[1].rglob("taskmanager-0.log") if "running" in path.parts]) == 1
