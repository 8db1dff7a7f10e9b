"""Clusters and brokers that outlive their session, each owned by a holder process.

Each has one JSON file in the cache. The file exists while its holder runs; removing the file ends
the cluster. The session that uses a detached cluster holds the lock beside the file.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from flink_testbed.core import clock
from flink_testbed.core.directories import cache_root, make_private
from flink_testbed.ownership.container_owner import GUARD_ENDS_S
from flink_testbed.ownership.detached_holder import command_line
from flink_testbed.ownership.owner import Owner, owner_from, owner_of
from flink_testbed.ownership.process import clean_environment

MAX_LIFE_S = 2 * 3600.0
_END_S = 15.0


@dataclass(frozen=True, slots=True)
class Detachment:
    """A running service that its owner gives up, for :func:`hold_detached`.

    ``what`` is ``Flink`` or ``Kafka``. The service lives while a process holds ``pipes``, the owner's
    ends of its guards' pipes. ``scratch`` names the directories below ``directory`` to delete at its
    end. ``containers`` are the names of its containers; then ``guard`` is the process that removes
    them.
    """

    what: str
    version: str
    address: str
    directory: Path
    scratch: tuple[str, ...]
    pipes: Sequence[int]
    containers: tuple[str, ...] = ()
    guard: Owner | None = None


@dataclass(frozen=True, slots=True)
class DetachedService:
    """A cluster or broker that outlived its session.

    ``digest`` identifies everything it was made of; empty if no session may reuse it. ``until`` is
    in seconds since 1970, ``directory`` holds its logs.
    """

    name: str
    what: str
    version: str
    address: str
    directory: str
    scratch: tuple[str, ...]
    containers: tuple[str, ...]
    digest: str
    until: float
    holder: Owner
    guard: Owner | None

    def __str__(self) -> str:
        return f"{self.what} {self.version} at {self.address}"

    @property
    def file(self) -> Path:
        """The file whose removal ends the service."""
        return _directory() / f"{self.name}.json"

    @property
    def lock(self) -> FileLock:
        """The lock of the session that uses the service."""
        return FileLock(_directory() / f"{self.name}.lock")

    def end(self) -> None:
        """End the service and delete its scratch directories.

        Raises ``WaitTimeoutError`` if its holder or guard does not end.
        """
        self.file.unlink(missing_ok=True)
        self._wait_ended("holder", self.holder, _END_S)
        if self.guard:
            self._wait_ended("guard", self.guard, GUARD_ENDS_S)
        for name in self.scratch:
            shutil.rmtree(Path(self.directory, name), ignore_errors=True)
        Path(self.lock.lock_file).unlink(missing_ok=True)

    def _wait_ended(self, role: str, process: Owner, timeout_s: float) -> None:
        clock.wait_until(
            lambda: (None if process.is_alive() else True, str(process)),
            what=f"the {role} of the detached {self} to end",
            timeout_s=timeout_s,
            next_step=f"kill process {process.pid}",
        )


def hold_detached(detachment: Detachment, digest: str = "") -> DetachedService:
    """Start a holder for a service.

    The service is then independent of this process.
    """
    make_private(_directory())
    name = secrets.token_hex(6)
    file = _directory() / f"{name}.json"
    # Before the holder starts: it ends as soon as it finds no file.
    file.touch()
    holder = subprocess.Popen(
        command_line(sys.executable, MAX_LIFE_S, file, detachment.pipes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        cwd="/",
        pass_fds=detachment.pipes,
        start_new_session=True,
    )
    service = DetachedService(
        name,
        detachment.what,
        detachment.version,
        detachment.address,
        os.fspath(detachment.directory.absolute()),
        detachment.scratch,
        detachment.containers,
        digest,
        clock.wall_time_s() + MAX_LIFE_S,
        owner_of(holder.pid),
        detachment.guard,
    )
    fresh = file.with_suffix(".tmp")
    fresh.write_text(json.dumps(asdict(service)), encoding="utf-8")
    fresh.replace(file)
    for pipe in detachment.pipes:
        os.close(pipe)
    # Otherwise Popen warns about a child that nobody waited for.
    holder.returncode = 0
    return service


def detached_services() -> Iterator[DetachedService]:
    """Yield every recorded service, running or not; unreadable files are skipped."""
    for file in sorted(_directory().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            yield _service_from(json.loads(file.read_text(encoding="utf-8")))


def claim_detached(digest: str, *, min_left_s: float) -> tuple[DetachedService, FileLock] | None:
    """Return an unused service with this digest, and its acquired lock.

    None if there is none that lives for at least ``min_left_s`` more seconds.
    """
    for service in detached_services():
        lives_long_enough = service.until - clock.wall_time_s() >= min_left_s
        if service.digest == digest and service.holder.is_alive() and lives_long_enough:
            lock = service.lock
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=0)
                return service, lock
    return None


def _service_from(data: Mapping[str, Any]) -> DetachedService:
    """Return the service that :func:`hold_detached` wrote."""
    names = {name: tuple(map(str, data[name])) for name in ("scratch", "containers")}
    owners = {
        "holder": owner_from(data["holder"]),
        "guard": owner_from(data["guard"]) if data["guard"] else None,
    }
    return DetachedService(**{**data, **names, **owners})


def _directory() -> Path:
    return cache_root() / "detached"
