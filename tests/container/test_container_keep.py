"""Detached containers: announced, left alone by a plain sweep, ended by sweep --kept."""

from __future__ import annotations

from pathlib import Path

import docker.errors
import pytest

from flink_testbed.containers.engine import ContainerEngine
from flink_testbed.flink.rest import RestClient
from flink_testbed.kafka.remote import RemoteKafka
from flink_testbed.ownership.detached import detached_services
from pytest_flink_agents.cli.main import main
from tests.support.pytest_sessions import SESSION_S, make_kafka_project, processes_of, start_pytest, wait_for

pytestmark = pytest.mark.slow


def test_detached_containers_answer_until_a_sweep_of_detached_ones(
    tmp_path: Path, own_cache: Path, engine: ContainerEngine, left_of, stranger, capsys
) -> None:
    """Each is announced with its command for logs.

    A plain sweep leaves them alone although their owner is dead; sweep --kept removes them with
    networks and sockets, and no others.
    """
    project = make_kafka_project(tmp_path / "project", nap_s=0.2)
    policy = Path(__file__).with_name("policy.yaml")
    run = start_pytest(project, "--flink-tier=container", "--flink-keep=always", f"--flink-policy={policy}")
    code, said = run.wait(SESSION_S), (project / "pytest.out").read_text()
    left = {kept.what: kept for kept in detached_services()}
    try:
        assert code == 0, said
        assert "left behind" not in said
        assert sorted(left) == ["Flink", "Kafka"]
        names = [name for kept in left.values() for name in kept.containers]
        assert len(names) == 3
        for name in names:
            assert f"  logs: docker logs {name}" in said
            assert engine.client.containers.get(name).status == "running"
        assert f"  use:  --kafka-bootstrap={left['Kafka'].address}" in said
        assert main(["sweep"]) == 0
        assert len(left_of(run.pid)) == 5
        assert RestClient(left["Flink"].address).overview()["slots-total"]
        kafka = RemoteKafka(left["Kafka"].address, run_id="a-test", startup_timeout_s=60)
        kafka.start()
        kafka.close()
    finally:
        assert main(["sweep", "--kept"]) == 0
    assert left_of(run.pid) == []
    for name in names:
        with pytest.raises(docker.errors.NotFound):
            engine.client.containers.get(name)
    told = capsys.readouterr().out
    assert all(f"removed: detached {kept}" in told for kept in left.values())
    assert wait_for(lambda: not processes_of(project), 10), processes_of(project)
    assert not list(detached_services())
    stranger.reload()
    assert stranger.status == "running"
