"""Fixtures for tests that use the session's running parts directly."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from flink_testbed.artifacts.versions import resolve_flink
from flink_testbed.core.directories import cache_root
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.job_owner import owner_options
from pytest_flink_agents.current import attempt_folder, session_of
from pytest_flink_agents.fixtures import cluster_tier
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.vocabulary import Engine, Tier
from tests.support.runs import AgentRun


@pytest.fixture(scope="session")
def session_environment(request: pytest.FixtureRequest, flink_version: str) -> TestEnvironment:
    """Environment, worker, cluster and submitter of the session, for the test's Flink version."""
    session = session_of(request.config)
    return session.services.environment(session.release(flink_version))


# In the notation of /proc/net/tcp, each 32 bits from the last byte to the first: the state, ::1, and
# the prefix of an IPv4 address.
_LISTEN = "0A"
_LOOPBACK_6 = "00000000000000000000000001000000"
_MAPPED = "0000000000000000FFFF0000"


@pytest.fixture(scope="session", autouse=True)
def only_loopback() -> Iterator[None]:
    """Require that no process of these tests listens where other machines could reach it.

    Checked four times a second during the whole session. A socket that is gone after a second is
    no service: Flink's client finds a free port by opening one for a moment, which a busy machine prolongs.
    """
    seen: set[str] = set()
    ended = threading.Event()

    def watch() -> None:
        checks: dict[str, int] = {}
        others: set[str] = set()
        while not ended.wait(0.25):
            checks = {inode: checks.get(inode, 0) + 1 for inode in _open_to_others()}
            stayed = {inode for inode, count in checks.items() if count > 4} - others
            seen.update(filter(None, map(_ours, stayed)))
            # A process of another program at that check does not become one of these tests later.
            others |= stayed

    watcher = threading.Thread(target=watch, name="socket watcher")
    watcher.start()
    yield
    ended.set()
    watcher.join()
    assert not seen, f"listening beyond loopback: {sorted(seen)}"


def _open_to_others() -> set[str]:
    """Return the inodes of this machine's sockets that listen beyond loopback.

    Read from the kernel's table, since asking each process would keep a core busy.
    """
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path("/proc/net", table).read_text().splitlines()[1:]:
            _, local, _, state, *_, inode = line.split()[:10]
            if state == _LISTEN and not _is_loopback(local.partition(":")[0]):
                found.add(inode)
    return found


def _is_loopback(address: str) -> bool:
    return address == _LOOPBACK_6 or (len(address.removeprefix(_MAPPED)) == 8 and address.endswith("7F"))


def _ours(inode: str) -> str:
    """Describe the process below this one that has the socket open; empty if there is none."""
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with contextlib.suppress(psutil.Error, OSError):
            if any(
                str(link.readlink()) == f"socket:[{inode}]" for link in Path("/proc", str(process.pid), "fd").iterdir()
            ):
                ports = [connection.laddr for connection in process.net_connections(kind="inet")]
                return f"{process.pid} {' '.join(process.cmdline())[-200:]}, one of {ports}"
    return ""


@pytest.fixture(scope="session")
def session_tier(request: pytest.FixtureRequest) -> Tier:
    """The tier of the cluster that the session's tests use."""
    return cluster_tier(request)


@pytest.fixture
def run_request(request: pytest.FixtureRequest):
    """Make a run of a test agent, with its files in the run folder, which containers see."""
    home = attempt_folder(request.node)
    home.mkdir(parents=True, exist_ok=True)

    def make(agent: str, inputs: list[tuple[object, object]], within_s: float = 60, **fields: object) -> AgentRun:
        records = [{"key": key, "value": value} for key, value in inputs]
        folder = home / str(len(list(home.iterdir())))
        folder.mkdir()
        spec = {"agent": agent, "resources": {}}
        return AgentRun("a test", spec, {}, records, within_s, folder, **fields)  # type: ignore[arg-type]

    return make


@pytest.fixture
def nap_as(
    session_environment: TestEnvironment, flink_cluster: FlinkCluster, tmp_path: Path
) -> Iterator[Callable[[str], str]]:
    """Start a job that sleeps for minutes, as a job of that run; return its id."""
    started: list[str] = []
    inputs = tmp_path / "inputs.jsonl"
    inputs.write_text(json.dumps({"input": 0, "key": "k", "value": 300}) + "\n")

    def start(run_id: str) -> str:
        submitted = session_environment.submitter().request(
            "submit",
            timeout_s=90,
            name="a nap",
            rest_url=flink_cluster.rest_url,
            agent_spec={"agent": "tests.support.agents.napping:NapAgent", "resources": {}},
            config={},
            source_and_sink={"files": {"inputs": str(inputs), "outputs": str(tmp_path / f"outputs-{len(started)}")}},
            parallelism=1,
            flink_config=owner_options(run_id),
            upstream_jars=[],
        )
        started.append(str(submitted["job_id"]))
        flink_cluster.wait_for_tasks(started[-1], timeout_s=60)
        return started[-1]

    yield start
    for job in flink_cluster.jobs():
        if job.id in started and not job.ended:
            flink_cluster.cancel(job.id, timeout_s=60)


_CACHE = cache_root()


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache that shares the expensive entries and has its own session records."""
    own = tmp_path / "cache"
    own.mkdir()
    for directory in _CACHE.iterdir():
        if directory.name not in ("sessions", "detached"):
            (own / directory.name).symlink_to(directory)
    monkeypatch.setenv("FLINK_AGENTS_TEST_CACHE_DIR", str(own))
    return own


@pytest.fixture(scope="session")
def upstream(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestEnvironment]:
    """An environment with flink-agents 0.1.1, whose jars are on the cluster's class path."""
    settings = dataclasses.replace(session_of(request.config).settings, flink_agents="0.1.1", engine=Engine.UPSTREAM)
    release = resolve_flink("1.20", settings.flink_agents)
    directory = tmp_path_factory.mktemp("upstream")
    environment = TestEnvironment(
        settings, release, (), run_id="a-test", directory=directory, progress=lambda line: None
    )
    yield environment
    environment.close()
