"""The limits of the session's containers, asked of the engine and tried from inside."""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
from urllib.parse import urlsplit

import psutil
import pytest
from docker.models.containers import Container

from flink_testbed.containers.engine import ContainerEngine
from flink_testbed.flink.containers import ContainerCluster
from tests.support.pytest_sessions import files_of

pytestmark = pytest.mark.slow


@pytest.fixture
def members(flink_cluster: ContainerCluster, engine: ContainerEngine) -> dict[str, Container]:
    """The containers of the session's cluster by host name."""
    assert isinstance(flink_cluster, ContainerCluster)
    found = engine.client.containers.list(filters={"label": f"pytest-flink-agents.run={flink_cluster.run_id}"})
    named = {str(container.attrs["Config"]["Hostname"]): container for container in found}
    # The session's broker is no part of it, and has a test of its own.
    return {name: container for name, container in named.items() if name != "kafka"}


def inside(container: Container, *command: str) -> tuple[int, str]:
    """Run a program in a container; return its exit code and output."""
    done = container.exec_run(list(command))
    return int(done.exit_code or 0), done.output.decode()  # type: ignore[union-attr]


def test_the_engine_reports_every_limit_of_each_container(
    members: dict[str, Container], engine: ContainerEngine
) -> None:
    """Memory, swap, processes, logs, capabilities, privileges, root file system, user."""
    assert sorted(members) == ["jobmanager", "taskmanager-0"]
    podman = any("Podman" in part["Name"] for part in engine.client.version()["Components"])
    for container in members.values():
        host = container.attrs["HostConfig"]
        assert 0 < host["Memory"] <= 4 * 2**30
        assert host["MemorySwap"] == host["Memory"]
        assert 0 < host["PidsLimit"] <= 4096
        # Podman 4.3.1 was seen to keep to the size, but tells it in an interface of its own alone.
        assert podman or host["LogConfig"]["Config"] == {"max-size": "8m", "max-file": "2"}
        # Podman names each one that it would have given; what is left is looked at from inside.
        assert host["CapDrop"]
        assert not host["CapAdd"]
        assert [word.partition(":")[0] for word in host["SecurityOpt"]] == ["no-new-privileges"]
        assert (host["Privileged"], host["ReadonlyRootfs"], host["PidMode"] or "private") == (False, True, "private")
        assert host["NetworkMode"] != "host"
        assert container.attrs["Config"]["User"] == f"{os.getuid()}:{os.getgid()}"
        assert not [mount for mount in container.attrs["Mounts"] if mount["Source"].endswith(".sock")]


def test_from_inside_there_is_no_capability_and_no_writable_root(members: dict[str, Container]) -> None:
    for container in members.values():
        _, status = inside(container, "cat", "/proc/1/status")
        facts = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        assert (int(facts["CapEff"], 16), int(facts["CapPrm"], 16), int(facts["CapBnd"], 16)) == (0, 0, 0)
        assert facts["NoNewPrivs"] == "1"
        assert inside(container, "touch", "/usr/a-file")[0] != 0
        assert inside(container, "touch", "/tmp/a-file")[0] == 0


def test_the_project_is_mounted_read_only(members: dict[str, Container], request: pytest.FixtureRequest) -> None:
    root = request.config.rootpath
    assert inside(members["taskmanager-0"], "cat", str(root / "pyproject.toml"))[0] == 0
    assert inside(members["taskmanager-0"], "touch", str(root / "a-file"))[0] != 0


def test_only_rest_and_reporters_are_published_and_only_on_loopback(
    flink_cluster: ContainerCluster, members: dict[str, Container]
) -> None:
    published = {
        (name, port, binding["HostIp"]): int(binding["HostPort"])
        for name, container in members.items()
        for port, bindings in (container.attrs["NetworkSettings"]["Ports"] or {}).items()
        for binding in bindings or ()
    }
    assert sorted(published) == [
        ("jobmanager", "8081/tcp", "127.0.0.1"),
        ("jobmanager", "9249/tcp", "127.0.0.1"),
        ("taskmanager-0", "9249/tcp", "127.0.0.1"),
    ]
    told = [flink_cluster.rest_url, *flink_cluster.processes.prometheus.values()]
    assert sorted(published.values()) == sorted(urlsplit(url).port or 0 for url in told)
    addresses = [
        address.address
        for interface in psutil.net_if_addrs().values()
        for address in interface
        if address.family == socket.AF_INET and not address.address.startswith("127.")
    ]
    for place in itertools.product(addresses, published.values()):
        with pytest.raises(OSError, match=r"refused|unreachable|timed out"):
            socket.create_connection(place, timeout=2).close()


def test_files_in_the_run_folder_belong_to_the_user_of_pytest(flink_cluster: ContainerCluster) -> None:
    owners = set()
    for path in files_of(flink_cluster.directory, "*"):
        # The cluster runs: a file of a moment may be gone.
        with contextlib.suppress(FileNotFoundError):
            owners.add(path.lstat().st_uid)
    assert owners == {os.getuid()}
