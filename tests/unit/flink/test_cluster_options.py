"""The Flink options of a launched cluster."""

from __future__ import annotations

from pathlib import Path

from flink_testbed.flink.config import Addresses, ClusterConfig, flink_options, zookeeper_settings

PYTHON = Path("/job/bin/python")
ALONE = Addresses(20001, 20002)
TOGETHER = Addresses(20001, 20002, 20003)


def options(config: ClusterConfig, addresses: Addresses = ALONE) -> dict[str, str]:
    return flink_options(config, addresses, directory=Path("/run"), python=PYTHON)


def test_every_address_is_loopback_by_default() -> None:
    given = options(ClusterConfig())
    hosts = {name: value for name, value in given.items() if name.endswith((".address", "host", "bind-address"))}
    assert len(hosts) >= 6
    assert set(hosts.values()) == {"127.0.0.1"}


def test_taskmanagers_with_host_names_of_their_own_share_none() -> None:
    inside = Addresses(8081, 6123, jobmanager="jobmanager", taskmanager="", bind="0.0.0.0")
    given = options(ClusterConfig(), inside)
    assert "taskmanager.host" not in given
    assert (given["jobmanager.rpc.address"], given["taskmanager.bind-host"]) == ("jobmanager", "0.0.0.0")


def test_a_jobmanager_behind_a_proxy_is_told_to_others_by_the_proxys_port() -> None:
    given = options(ClusterConfig(rpc_proxy=True), Addresses(20001, 20002, rpc_bind_port=20004))
    assert (given["jobmanager.rpc.port"], given["jobmanager.rpc.bind-port"]) == ("20002", "20004")
    assert "jobmanager.rpc.bind-port" not in options(ClusterConfig())


def test_state_backend_and_directories_are_those_of_the_configuration() -> None:
    asked = ClusterConfig(state_backend="rocksdb", checkpoints=Path("/keep/c"), savepoints=Path("/keep/s"))
    given = options(asked)
    assert given["execution.checkpointing.dir"] == "file:///keep/c"
    assert given["execution.checkpointing.savepoint-dir"] == "file:///keep/s"
    assert given["state.backend.type"] == "rocksdb"
    assert options(ClusterConfig())["execution.checkpointing.dir"] == "file:///run/checkpoints"


def test_high_availability_is_off_by_default() -> None:
    given = options(ClusterConfig(high_availability=True), TOGETHER)
    assert given["high-availability.zookeeper.quorum"] == "127.0.0.1:20003"
    assert "clientPort=20003\nclientPortAddress=127.0.0.1\n" in zookeeper_settings(TOGETHER, Path("/run"))
    assert not [name for name in options(ClusterConfig()) if name.startswith("high-availability")]


def test_options_of_the_configuration_take_precedence() -> None:
    assert options(ClusterConfig(flink_options={"heartbeat.timeout": "3s"}))["heartbeat.timeout"] == "3s"


def test_a_directory_with_a_space_is_written_as_flink_reads_it() -> None:
    """Flink decodes no percent signs: it would make another directory."""
    given = options(ClusterConfig(checkpoints=Path("/keep all/c"), savepoints=Path("/keep all/100 %/s")))
    assert given["execution.checkpointing.dir"] == "file:///keep all/c"
    assert given["execution.checkpointing.savepoint-dir"] == "file:///keep all/100 %/s"
