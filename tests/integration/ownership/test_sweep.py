"""``flink-agents-gate sweep`` removes leftovers of dead sessions and nothing else."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from filelock import FileLock

from flink_testbed.kafka.service import KafkaService
from flink_testbed.kafka.topic_names import topic_name
from flink_testbed.ownership.owner import Owner, this_process
from flink_testbed.ownership.session_record import BROKERS, CLUSTER, JOBS, SOCKETS, TOPICS, Record, records
from pytest_flink_agents.cli.main import main
from tests.support.pytest_sessions import (
    REACHED_S,
    job_runs,
    make_project,
    require_nothing_left,
    start_pytest,
    wait_for,
)

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _own_cache(own_cache: Path) -> None:
    """Each test has its own session records."""


def dead() -> Owner:
    """Return an owner that ran on this machine and has ended."""
    return dataclasses.replace(this_process(), started="1")


def swept(capsys: pytest.CaptureFixture[str], *options: str) -> list[tuple[str, str, str]]:
    """Run a sweep; return kind, name and outcome of each leftover."""
    assert main(["sweep", "--json", *options]) == 0
    return [(line["kind"], line["name"], line["outcome"]) for line in json.loads(capsys.readouterr().out)["left"]]


def test_a_killed_xdist_controller_takes_its_workers_along_and_a_sweep_removes_its_scratch(
    tmp_path: Path, capsys
) -> None:
    """The controller owns the cluster; the workers own local workers and submitters. The cluster's logs stay."""
    project = make_project(tmp_path / "project", nap_s=30)
    run = start_pytest(project, "--flink-tier=embedded", "-n2")
    try:
        assert wait_for(lambda: run.poll() is not None or job_runs(project), REACHED_S), (
            project / "pytest.out"
        ).read_text()
        assert run.poll() is None, (project / "pytest.out").read_text()
    finally:
        run.kill()
        run.wait()
    require_nothing_left(project)
    (scratch,) = project.rglob("embedded-cluster/tmp")
    logs = sorted(scratch.parent.glob("log/*"))
    listed = swept(capsys, "--dry-run")
    # The cluster's scratch, and the directory of the socket at which the workers asked for the cluster.
    assert [(kind, outcome) for kind, _, outcome in listed] == [("directory", "would be removed")] * 2
    assert [str(scratch.parent) in name for _, name, _ in listed].count(True) == 1
    assert scratch.exists()
    assert [outcome for _, _, outcome in swept(capsys)] == ["removed", "removed"]
    assert not scratch.exists()
    assert sorted(scratch.parent.glob("log/*")) == logs
    assert swept(capsys) == []


def test_things_of_living_sessions_and_other_machines_survive(tmp_path: Path, own_cache: Path, capsys) -> None:
    """Also directories with similar names, a cache entry being built, and unrelated processes."""
    gone, lives, elsewhere, alike = (
        tmp_path / name for name in ("gone", "lives", "elsewhere", "flink-agents-0123456789ab")
    )
    for directory in (gone, lives, elsewhere, alike):
        (directory / "tmp").mkdir(parents=True)
        (directory / "tmp" / "file").touch()
    Record("r1", dead(), ((CLUSTER, str(gone)), (SOCKETS, str(tmp_path / "never made")))).write()
    Record("r2", this_process(), ((CLUSTER, str(lives)),)).write()
    Record("r3", dataclasses.replace(dead(), machine="elsewhere"), ((CLUSTER, str(elsewhere)),)).write()
    shelf = own_cache / "things"
    for key in ("free", "held"):
        (shelf / f".{key}.1.partial").mkdir(parents=True)
    with FileLock(shelf / ".held.lock"), subprocess.Popen(["sleep", "300"], cwd=alike) as decoy:
        found = swept(capsys)
        assert decoy.poll() is None
        decoy.kill()
    assert sorted((kind, Path(name).name) for kind, name, _ in found if kind != "record") == [
        ("directory", "tmp"),
        ("partial cache entry", ".free.1.partial"),
    ]
    assert not (gone / "tmp").exists()
    assert all((directory / "tmp" / "file").exists() for directory in (lives, elsewhere, alike))
    assert [path.name for path in shelf.glob(".*.partial")] == [".held.1.partial"]
    assert sorted(record.run_id for record in records()) == ["r2", "r3"]


ORPHANED = """
import os, signal, sys
from pathlib import Path
from flink_testbed.ownership.process import GuardedProcess
process = GuardedProcess(["sleep", "300"], name="sleep", log=Path(os.devnull), env=dict(os.environ), cwd=Path("/"))
while process.command_pid() is None:
    pass
os.kill(process.guard_pid, signal.SIGSTOP)
print(process.guard_pid, process.command_pid(), flush=True)
os._exit(0)
"""


@pytest.fixture
def orphan() -> Iterator[list[int]]:
    """A stopped guard, which cannot end its command, and that command; their owner is dead."""
    done = subprocess.run([sys.executable, "-c", ORPHANED], capture_output=True, text=True, check=True)
    pids = [int(word) for word in done.stdout.split()]
    yield pids
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def test_processes_under_a_guard_without_an_owner_are_killed(orphan: list[int], capsys) -> None:
    """A guarded process of a living owner is not even listed."""
    assert all(map(psutil.pid_exists, orphan))
    ((_, name, outcome),) = [line for line in swept(capsys) if line[0] == "process" and str(orphan[0]) in line[1]]
    assert (outcome, "sleep" in name) == ("removed", True)
    assert wait_for(lambda: not any(map(is_running, orphan)), 10)


def is_running(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def test_jobs_of_dead_runs_are_cancelled_on_a_named_cluster_only(nap_as, flink_cluster, capsys) -> None:
    jobs = {run: nap_as(run) for run in ("deadrun", "liverun", "stranger")}
    Record("deadrun", dead(), ((JOBS, flink_cluster.rest_url),)).write()
    Record("liverun", this_process(), ((JOBS, flink_cluster.rest_url),)).write()
    assert [line for line in swept(capsys) if line[0] == "job"] == []
    ((_, name, outcome),) = [
        line for line in swept(capsys, f"--flink-rest-url={flink_cluster.rest_url}") if line[0] == "job"
    ]
    assert (jobs["deadrun"] in name, outcome) == (True, "removed")
    assert flink_cluster.wait_for_job(jobs["deadrun"], timeout_s=60) == "CANCELED"
    assert {flink_cluster.rest.job_state(jobs[run]) for run in ("liverun", "stranger")} == {"RUNNING"}
    assert [record.run_id for record in records()] == ["liverun"]


def test_topics_of_dead_runs_are_deleted_on_a_named_broker_only(kafka_service: KafkaService, capsys) -> None:
    names = [topic_name("deadrun", "x"), topic_name("liverun", "x"), "strangers-flink-agents-deadrun-x"]
    for name in names:
        kafka_service.create_topic(name)
    Record("deadrun", dead(), ((TOPICS, kafka_service.bootstrap),)).write()
    Record("liverun", this_process(), ((TOPICS, kafka_service.bootstrap),)).write()
    try:
        assert swept(capsys) == []
        ((kind, name, outcome),) = swept(capsys, f"--kafka-bootstrap={kafka_service.bootstrap}")
        assert (kind, names[0] in name, outcome) == ("topic", True, "removed")
        assert kafka_service.topics().intersection(names) == set(names[1:])
        assert [record.run_id for record in records()] == ["liverun"]
    finally:
        for name in kafka_service.topics().intersection(names):
            kafka_service.delete_topic(name)


def test_data_and_scratch_of_a_dead_runs_broker_are_removed_and_its_logs_stay(tmp_path: Path, capsys) -> None:
    broker = tmp_path / "kafka"
    for name in ("data/broker-0", "tmp", "conf", "log"):
        (broker / name).mkdir(parents=True)
    Record("deadrun", dead(), ((BROKERS, str(broker)),)).write()
    assert [outcome for _, _, outcome in swept(capsys)] == ["removed"]
    assert sorted(path.name for path in broker.iterdir()) == ["conf", "log"]
    assert swept(capsys) == []
