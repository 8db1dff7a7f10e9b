"""Whatever ends pytest, what it started ends too; and two sessions do not meet. Real processes, real clusters."""

from __future__ import annotations

import contextlib
import fnmatch
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
AGENT = (ROOT / "tests/support/agents/napping.py").read_text()
SCENARIO = """
version: "1"
name: a nap
agent: napping:NapAgent
inputs: [{key: a, value: 0.1}, {key: b, value: NAP_S}]
expect: {outputs: [{key: a, value: 0.1}, {key: b, value: NAP_S}]}
within: 60s
"""


def make_project(directory: Path, nap_s: float) -> Path:
    """A project with one agent and one scenario."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "napping.py").write_text(AGENT)
    (directory / "nap.scenario.yaml").write_text(SCENARIO.replace("NAP_S", str(nap_s)))
    (directory / "pytest.ini").write_text("[pytest]\n")
    # A python on PATH that is no use: workers must run the job environment's own.
    (directory / "bin").mkdir()
    for name in ("python", "python3"):
        (directory / "bin" / name).write_text("#!/bin/sh\nexit 1\n")
        (directory / "bin" / name).chmod(0o755)
    return directory


def start_pytest(project: Path, *options: str) -> subprocess.Popen[bytes]:
    """pytest on a project, as a user starts it."""
    with (project / "pytest.out").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "pytest", "--flink-gate", *options],
            cwd=project,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            # A CI job in the background ignores SIGINT, and children inherit that; at a terminal they do not.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  # no threads here
            env={**os.environ, "PATH": f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        )


def processes_of(project: Path) -> list[str]:
    """Every process that works in the project or names it; whoever started it."""
    found = []
    for process in psutil.process_iter(["pid", "cmdline", "cwd", "status"]):
        facts = process.info
        words = [*(facts["cmdline"] or []), facts["cwd"] or ""]
        if facts["status"] != psutil.STATUS_ZOMBIE and any(str(project) in word for word in words):
            found.append(f"{facts['pid']} {' '.join(words)[:150]}")
    return found


def files_of(project: Path, pattern: str) -> list[Path]:
    """Those of that name below the project. A session is at work there: a directory that goes meanwhile holds none."""
    return [Path(where, name) for where, _, names in os.walk(project) for name in fnmatch.filter(names, pattern)]


def ports_of(project: Path) -> list[int]:
    """The ports that the run's clusters and brokers were told to listen on."""
    ports = []
    for config in files_of(project, "config.yaml"):
        for line in config.read_text().splitlines():
            name, _, value = line.partition(": ")
            if name in ('"rest.port"', '"jobmanager.rpc.port"'):
                ports.append(int(json.loads(value)))
    for properties in files_of(project, "broker-*.properties"):
        # None in one that is only being written.
        for listeners in re.findall(r"^listeners=(.*)$", properties.read_text(), re.MULTILINE):
            ports += [int(address.rpartition(":")[2]) for address in listeners.split(",")]
    return ports


def wait_for(condition, seconds: float, every_s: float = 0.05) -> bool:
    """Look until the condition holds or the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True


def has_java(project: Path) -> bool:
    return any("org.apache.flink" in line or "java" in line for line in processes_of(project))


def is_filled(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size > 0
    return False


def job_runs(project: Path) -> bool:
    return any(map(is_filled, files_of(project, "events-*.log")))


MOMENTS = {
    "the local worker starts": lambda project: any("local.worker" in line for line in processes_of(project)),
    "the JVMs start": has_java,
    "a cluster file is there": lambda project: bool(ports_of(project)),
    "the client JVM is up": lambda project: bool(files_of(project, "taskmanager-0.log")),
    "the job runs": job_runs,
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_nothing_is_left_ten_seconds_after_sigterm(tmp_path: Path, moment: str) -> None:
    """pytest runs no teardown on SIGTERM: no process and no listening port stays all the same."""
    project = make_project(tmp_path / "project", nap_s=30)
    tier = "--flink-tier=local" if moment == "the local worker starts" else "--flink-tier=embedded"
    run = start_pytest(project, tier)
    try:
        assert wait_for(lambda: run.poll() is not None or MOMENTS[moment](project), 60), (
            project / "pytest.out"
        ).read_text()
        assert run.poll() is None, (project / "pytest.out").read_text()
        run.terminate()
        run.wait(10)
        require_nothing_left(project)
    finally:
        run.kill()
        run.wait()


def require_nothing_left(project: Path, *but: int) -> None:
    """Ten seconds at most, and no process (``but`` these) and no port of the project is there."""
    ours: list[str] = []

    def gone() -> bool:
        nonlocal ours
        ours = [line for line in processes_of(project) if int(line.split()[0]) not in but]
        return not ours

    assert wait_for(gone, 10), ours
    listening = {
        connection.laddr.port
        for connection in psutil.net_connections("tcp")
        if connection.laddr and connection.status == psutil.CONN_LISTEN
    }
    assert not listening & set(ports_of(project))


def test_a_session_that_ends_by_itself_leaves_no_process(tmp_path: Path) -> None:
    """The ordinary end, too: both tiers run, and afterwards nothing of the project is alive."""
    project = make_project(tmp_path / "project", nap_s=0.2)
    run = start_pytest(project)
    assert run.wait(120) == 0, (project / "pytest.out").read_text()
    assert processes_of(project) == []
    assert json.loads((project / "flink-agents-report/latest/verdict.json").read_text())["verdict"] == "promote"


def test_ctrl_c_ends_everything(tmp_path: Path) -> None:
    """SIGINT in the middle of a job: pytest ends by itself with its own code, the verdict is no pass, nothing is left."""
    project = make_project(tmp_path / "project", nap_s=30)
    run = start_pytest(project, "--flink-tier=embedded")
    assert wait_for(lambda: run.poll() is not None or job_runs(project), 60), (project / "pytest.out").read_text()
    run.send_signal(signal.SIGINT)
    assert run.wait(60) == 2, (project / "pytest.out").read_text()
    assert processes_of(project) == []
    assert json.loads((project / "flink-agents-report/latest/verdict.json").read_text())["verdict"] == "inconclusive"


def test_killed_processes_of_xdist_take_all_along(tmp_path: Path) -> None:
    """Under -n the first process owns the cluster; the others, who own workers and submitters, end with it."""
    project = make_project(tmp_path / "project", nap_s=30)
    run = start_pytest(project, "--flink-tier=embedded", "-n2")
    try:
        assert wait_for(lambda: run.poll() is not None or job_runs(project), 90), (project / "pytest.out").read_text()
        assert run.poll() is None, (project / "pytest.out").read_text()
        run.kill()
        run.wait(10)
        assert wait_for(lambda: not processes_of(project), 10), processes_of(project)
    finally:
        run.kill()
        run.wait()


@pytest.mark.parametrize("processes", [2, 4])
def test_one_cluster_serves_all_processes(tmp_path: Path, processes: int) -> None:
    """-n 2 and -n 4 promote what one process promotes, on one cluster."""
    project = make_project(tmp_path / "project", nap_s=0.2)
    for number in range(3):
        text = SCENARIO.replace("NAP_S", "0.3").replace("a nap", f"nap {number}")
        (project / f"more{number}.scenario.yaml").write_text(text)
    run = start_pytest(project, f"-n{processes}")
    said = project / "pytest.out"
    assert run.wait(180) == 0, said.read_text()
    # The cluster's own log; parts of it are kept with each scenario too.
    assert len([path for path in project.rglob("taskmanager-0.log") if "running" in path.parts]) == 1
    verdict = json.loads((project / "flink-agents-report/latest/verdict.json").read_text())
    assert verdict["counts"]["passed"] == 8
    assert processes_of(project) == []


def test_two_sessions_at_once_both_promote(tmp_path: Path) -> None:
    """Two projects gated at the same time share the cache and the machine, and nothing else."""
    projects = [make_project(tmp_path / name, nap_s=0.2) for name in ("one", "two")]
    runs = [start_pytest(project) for project in projects]
    for project, run in zip(projects, runs, strict=True):
        assert run.wait(180) == 0, (project / "pytest.out").read_text()
    assert not set(ports_of(projects[0])) & set(ports_of(projects[1]))


def test_a_decoy_survives(tmp_path: Path) -> None:
    """Only our own descendants are killed: a process that merely works in the same place is left alone."""
    project = make_project(tmp_path / "project", nap_s=30)
    with subprocess.Popen(["sleep", "300"], cwd=project) as decoy:
        try:
            run = start_pytest(project, "--flink-tier=local")
            assert wait_for(lambda: job_runs(project), 60), (project / "pytest.out").read_text()
            run.kill()
            run.wait(10)
            assert wait_for(lambda: len(processes_of(project)) == 1, 10), processes_of(project)
            assert decoy.poll() is None
        finally:
            decoy.kill()
