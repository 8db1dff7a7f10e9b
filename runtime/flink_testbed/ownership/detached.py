"""Clusters and brokers that outlive their session: handed to a keeper, which ends them after two hours at the latest.

One file a cluster in the cache, there as long as the keeper is to keep it; removing it ends the cluster. A lock beside it
is held by the session that uses it.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from flink_testbed.core import clock
from flink_testbed.core.directories import cache_root
from flink_testbed.ownership.handover import Handed
from flink_testbed.ownership.owner import Owner, owner_from, owner_of
from flink_testbed.ownership.process import clean_environment

KEPT_S = 2 * 3600.0
_KEEPER = Path(__file__).with_name("keeper.py")
_END_S = 15.0
# A guard of containers may take its time: an engine that is busy.
_GUARD_ENDS_S = 70.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One of them, as it was handed over. ``digest`` tells what it was made of, empty where nobody is to use it again.

    ``until`` is in seconds since 1970; ``directory`` holds its logs.
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
    keeper: Owner
    guard: Owner | None

    @property
    def file(self) -> Path:
        """What keeps it."""
        return _shelf() / f"{self.name}.json"

    @property
    def lock(self) -> FileLock:
        """Held by the session that uses it."""
        return FileLock(_shelf() / f"{self.name}.lock")

    def end(self) -> None:
        """End it, and remove what it does not leave. Raises ``WaitTimeoutError`` where its keeper or guard does not end."""
        self.file.unlink(missing_ok=True)
        self._wait_ended("keeper", self.keeper, _END_S)
        if self.guard:
            self._wait_ended("guard", self.guard, _GUARD_ENDS_S)
        for name in self.scratch:
            shutil.rmtree(Path(self.directory, name), ignore_errors=True)
        Path(self.lock.lock_file).unlink(missing_ok=True)

    def _wait_ended(self, role: str, process: Owner, timeout_s: float) -> None:
        clock.wait_until(
            lambda: (None if process.is_alive() else True, str(process)),
            what=f"the {role} of what was left at {self.address} to end",
            timeout_s=timeout_s,
            next_step=f"end process {process.pid}",
        )


def keep(handed: Handed, digest: str = "") -> Kept:
    """Let something outlive this process, which has no more to do with it."""
    _shelf().mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(6)
    file = _shelf() / f"{name}.json"
    file.touch()
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_KEEPER), str(KEPT_S), str(file), *map(str, handed.pipes)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        cwd="/",
        pass_fds=handed.pipes,
        start_new_session=True,
    )
    kept = Kept(
        name,
        handed.what,
        handed.version,
        handed.address,
        os.fspath(handed.directory.absolute()),
        handed.scratch,
        handed.containers,
        digest,
        clock.wall_time_s() + KEPT_S,
        owner_of(keeper.pid),
        handed.guard,
    )
    fresh = file.with_suffix(".tmp")
    fresh.write_text(json.dumps(asdict(kept)), encoding="utf-8")
    fresh.replace(file)
    for pipe in handed.pipes:
        os.close(pipe)
    keeper.returncode = 0  # not ours to wait for
    return kept


def everything_kept() -> Iterator[Kept]:
    """All that are known, living or not."""
    for file in sorted(_shelf().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads(file.read_text(encoding="utf-8"))
            names = {name: tuple(map(str, data[name])) for name in ("scratch", "containers")}
            guard = owner_from(data["guard"]) if data["guard"] else None
            yield Kept(**{**data, **names, "keeper": owner_from(data["keeper"]), "guard": guard})


def take_kept(digest: str, *, left_s: float) -> tuple[Kept, FileLock] | None:
    """A living cluster made of the same, that nobody uses and that is kept for ``left_s`` more; its lock is the caller's now."""
    for kept in everything_kept():
        if kept.digest == digest and kept.keeper.is_alive() and kept.until - clock.wall_time_s() >= left_s:
            lock = kept.lock
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=0)
                return kept, lock
    return None


def _shelf() -> Path:
    return cache_root() / "kept"
