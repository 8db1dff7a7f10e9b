"""Detached clusters and brokers: found, reused, ended, and limited in time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flink_testbed.core.problem import HostError
from flink_testbed.flink.rest import RestClient
from flink_testbed.flink.rest_keys import RestKeys, browser_note
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.ownership.detached import DetachedService, detached_services
from flink_testbed.ownership.detached_holder import command_line
from flink_testbed.ownership.leftovers import ownerless_guards
from flink_testbed.ownership.process import GuardedProcess, living
from pytest_flink_agents.cli.main import main
from tests.support.pytest_sessions import (
    SESSION_S,
    make_kafka_project,
    processes_of,
    start_pytest,
    wait_for,
)

pytestmark = pytest.mark.slow


def finished(project: Path, *options: str) -> tuple[int, str]:
    """Run a session; return its exit code and output."""
    run = start_pytest(project, *options)
    return run.wait(SESSION_S), (project / "pytest.out").read_text()


def answers(url: str, cluster: DetachedService | None = None) -> bool:
    """Return whether Flink answers a client, which has the key of ``cluster``."""
    keys = RestKeys.of(Path(cluster.directory)) if cluster else None
    try:
        return bool(RestClient(url, timeout_s=5, access=keys.access(url) if keys else None).overview())
    except HostError:
        return False


def require_ended(detached: DetachedService, scratch: str, project: Path, said: str) -> None:
    """Require that the sweep reported it, no process and no scratch is left, and the logs remain."""
    assert f"removed: detached {detached}" in said
    assert wait_for(lambda: not processes_of(project), 10), processes_of(project)
    assert not Path(detached.directory, scratch).exists()
    assert list(Path(detached.directory, "log").iterdir())
    assert list(detached_services()) == []


def test_a_cluster_and_a_broker_detached_after_a_failure_serve_the_next_session_until_a_sweep_of_detached_ones(
    tmp_path: Path, own_cache: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broker is announced with its option. A plain sweep and the doctor leave both alone.

    In CI only this user reaches the cluster, by default, and the line with its address says so.
    """
    monkeypatch.setenv("CI", "true")
    monkeypatch.delenv("FLINK_AGENTS_TEST_FLINK_REST_AUTH")
    project = make_kafka_project(tmp_path / "project", nap_s=0.2)
    keep = ("--flink-keep=on-failure", "--flink-reuse")
    scenario = project / "nap.scenario.yaml"
    right = scenario.read_text()
    scenario.write_text(right.replace("outputs: [{key: a, value: 0.1}", "outputs: [{key: a, value: 7}"))
    code, said = finished(project, *keep)
    left = {detached.what: detached for detached in detached_services()}
    try:
        assert code == 1, said
        assert sorted(left) == ["Flink", "Kafka"]
        cluster, broker = left["Flink"], left["Kafka"]
        assert f"left running for 2 hours: Flink {cluster.version} at {cluster.address}{browser_note('https:')}" in said
        assert f"left running for 2 hours: Kafka {broker.version} at {broker.address}" in said
        assert f"  use:  --kafka-bootstrap={broker.address}" in said
        assert f"  logs: {broker.directory}/log" in said
        assert "left behind" not in said
        assert answers(cluster.address, cluster)
        assert not answers(cluster.address)
        assert not answers(cluster.address.replace("https:", "http:"))
        scenario.write_text(right)
        code, said = finished(project, *keep, f"--kafka-bootstrap={broker.address}")
        assert code == 0, said
        assert f"using the cluster that an earlier session left at {cluster.address}" in said
        environment = json.loads((project / "flink-agents-report/latest/environment.json").read_text())
        assert any("left by an earlier session" in fact for fact in environment.values())
        assert "for this user only (CI is set)" in environment.values()
        assert answers(cluster.address, cluster)
        assert len(list(detached_services())) == 2
        assert ownerless_guards() == ()
        assert main(["sweep"]) == 0
        assert answers(cluster.address, cluster)
        kafka = RemoteKafka(broker.address, run_id="a-test", startup_timeout_s=60)
        kafka.start()
        kafka.create_topic("made-later")
        kafka.close()
        assert Path(broker.directory, "data").exists()
    finally:
        assert main(["sweep", "--kept"]) == 0
    said = capsys.readouterr().out
    require_ended(cluster, "tmp", project, said)
    require_ended(broker, "data", project, said)


@pytest.mark.parametrize("end", ["the time is over", "the file is removed", "the holder is killed"])
def test_a_detached_process_ends_with_its_holder(tmp_path: Path, end: str) -> None:
    file = tmp_path / "detached.json"
    file.touch()
    process = GuardedProcess(["sleep", "300"], name="sleep", log=tmp_path / "log", env=dict(os.environ), cwd=tmp_path)
    assert wait_for(lambda: process.command_pid() is not None, 10)
    command, pipe = process.command_pid(), process.detach()
    seconds = 2 if end == "the time is over" else 300
    arguments = command_line(sys.executable, seconds, file, [pipe])
    with subprocess.Popen(arguments, pass_fds=[pipe], start_new_session=True) as holder:
        os.close(pipe)
        assert process not in living()
        if end != "the time is over":
            assert not wait_for(lambda: not is_there(command), 1.5), "it lives on"
            if end == "the file is removed":
                file.unlink()
            else:
                holder.kill()
        assert wait_for(lambda: not is_there(command), 15)
    os.waitpid(process.guard_pid, 0)
    assert file.exists() == (end == "the holder is killed")


def is_there(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()
