"""Gather the doctor's facts from the machine. Builds nothing, starts no cluster; a JVM only with ``--probe``."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import socket
import sys
import tempfile
from functools import partial
from pathlib import Path

import psutil

from flink_testbed.artifacts.cache_use import size_mib
from flink_testbed.artifacts.installer import run_uv
from flink_testbed.artifacts.jars import JarSet, cached_jars, connector_jars, locked_jars
from flink_testbed.artifacts.maven import is_offered, maven_repository
from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.directories import cache_root
from flink_testbed.core.other_users import other_users
from flink_testbed.core.ports import LOOPBACK, lease_port
from flink_testbed.core.problem import WaitTimeoutError
from flink_testbed.ownership.leftovers import ownerless_guards
from pytest_flink_agents.cli.doctor.configuration import ConfigurationDirectory, ConfigurationFile
from pytest_flink_agents.cli.doctor.facts import (
    Containers,
    Facts,
    Jars,
    Neighbours,
    Repository,
    Room,
    Seen,
    System,
    Writable,
    missing,
)
from pytest_flink_agents.cli.doctor.release import attempt, facts_of
from pytest_flink_agents.scenario.configuration import CURRENT, LEGACY
from pytest_flink_agents.scenario.configuration.file import configuration_findings

_REGISTRY_TIMEOUT_S = 10.0
# pytest depends on it: every mirror has it.
_TINY_PACKAGE = "iniconfig"
_MIB = 1024 * 1024


def gather(releases: tuple[FlinkRelease, ...], job_python: Path | None, *, load: bool = False) -> Facts:
    """Gather the facts that a run of these releases depends on.

    With ``load`` a JVM loads the bridge of each job environment.
    """
    found = facts_of(releases, job_python, load=load)
    jars, maven = _jars(releases)
    return Facts(
        system=attempt(lambda: System(platform.system(), platform.release(), platform.machine())),
        releases=found,
        memory_mib=attempt(lambda: psutil.virtual_memory().available // _MIB),
        room=attempt(_room),
        port=attempt(_free_port),
        loopback=attempt(_loopback_error),
        registry=attempt(_registry_answers) if missing(found) else None,
        neighbours=attempt(lambda: Neighbours(other_users(), shutil.which("openssl"))),
        configuration=attempt(_configuration),
        containers=attempt(_containers),
        leftovers=attempt(ownerless_guards),
        writable=attempt(_writable),
        jars=jars,
        maven=maven,
    )


def _jars(releases: tuple[FlinkRelease, ...]) -> tuple[tuple[Jars, ...], Seen[Repository | None]]:
    """Return Kafka's jars and the connectors, and the repository that offers the missing ones."""
    kafka = locked_jars("kafka")
    wanted = {f"Kafka {kafka.version}": kafka}
    wanted |= {
        f"the Kafka connector for Flink {release.line.minor}": connector_jars(release.line) for release in releases
    }
    looked = {what: attempt(partial(_are_cached, jars)) for what, jars in wanted.items()}
    absent = [jars.jars[0].coordinate for what, jars in wanted.items() if looked[what] is False]
    return tuple(Jars(what, cached) for what, cached in looked.items()), attempt(lambda: _repository(absent))


def _are_cached(jars: JarSet) -> bool:
    return cached_jars(jars) is not None


def _repository(absent: list[str]) -> Repository | None:
    if not absent:
        return None
    repository = maven_repository()
    return Repository(repository.source, all(is_offered(each, repository, _REGISTRY_TIMEOUT_S) for each in absent))


def _writable() -> tuple[Writable, ...]:
    places = {
        "reports and metrics": Path("flink-agents-report").absolute(),
        # Where flink-agents writes its event log unless baseLogDir says otherwise.
        "event logs": Path(tempfile.gettempdir()) / "flink-agents",
    }
    return tuple(Writable(what, str(place), _can_write(place)) for what, place in places.items())


def _can_write(place: Path) -> bool:
    there = next(parent for parent in (place, *place.parents) if parent.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _room() -> Room:
    cache = cache_root().absolute()
    there = next(path for path in (cache, *cache.parents) if path.exists())
    writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return Room(str(cache), writable, shutil.disk_usage(there).free // _MIB, size_mib(cache_root()))


def _free_port() -> int:
    """Lease a port as a cluster does, and release it."""
    with contextlib.ExitStack() as stack:
        leases = cache_root() / "ports"
        if not leases.is_dir():
            # No session has leased a port: leave no directory behind.
            leases = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        lease = lease_port(leases)
        lease.release()
        return lease.port


def _loopback_error() -> str:
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            server.settimeout(5)
            with socket.create_connection(server.getsockname(), timeout=5) as client, server.accept()[0] as accepted:
                client.sendall(b"?")
                accepted.settimeout(5)
                return "" if accepted.recv(1) == b"?" else "the byte that was sent did not arrive"
    except OSError as error:
        return str(error)


def _containers() -> Containers:
    from flink_testbed.containers.build import default_base
    from flink_testbed.containers.engine import connect

    with contextlib.closing(connect()) as engine:
        base = os.environ.get("FLINK_AGENTS_TEST_FLINK_BASE_IMAGE") or default_base(platform.python_version())
        return Containers(engine.address, engine.version, base, engine.image_id(base) is not None)


def _registry_answers() -> bool:
    """Return whether uv can resolve a package without its cache.

    Its error may name a host, so it is not kept.
    """
    with tempfile.TemporaryDirectory() as target:
        command = ["pip", "install", "--dry-run", "--no-cache", "--no-deps", "--python", sys.executable]
        with contextlib.suppress(WaitTimeoutError):
            done = run_uv(
                [*command, "--target", target, _TINY_PACKAGE], cwd=Path(target), timeout_s=_REGISTRY_TIMEOUT_S
            )
            return done.returncode == 0
        return False


def _configuration() -> ConfigurationDirectory | None:
    chosen = os.environ.get("FLINK_CONF_DIR")
    if chosen is None:
        return None
    # An empty value is the current directory, for flink-agents too.
    path = Path(chosen)
    if path.is_dir():
        files = tuple(_configuration_file(path / name) for name in (LEGACY, CURRENT) if (path / name).exists())
        return ConfigurationDirectory(str(path), "directory", files)
    return ConfigurationDirectory(str(path), "file" if path.exists() else "missing")


def _configuration_file(path: Path) -> ConfigurationFile:
    return ConfigurationFile(path.name, tuple(configuration_findings(path, os.environ)))
