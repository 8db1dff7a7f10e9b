"""Clusters that outlive their session: handed to a keeper, which ends them after two hours at the latest.

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

from flink_testbed.artifacts.cache import cache_root
from flink_testbed.core import clock
from flink_testbed.core.owner import Owner, owner_from, owner_of
from flink_testbed.core.process import clean_environment
from flink_testbed.flink.launched import SCRATCH
from flink_testbed.flink.standalone import StandaloneCluster

KEPT_S = 2 * 3600.0
_KEEPER = Path(__file__).parents[1] / "core" / "keeper.py"
_END_S = 15.0


@dataclass(frozen=True, slots=True)
class Kept:
    """One of them. ``digest`` tells what it was made of; ``until`` is in seconds since 1970; ``directory`` holds its logs."""

    name: str
    rest_url: str
    flink_version: str
    directory: str
    digest: str
    until: float
    keeper: Owner

    @property
    def file(self) -> Path:
        """What keeps it."""
        return _shelf() / f"{self.name}.json"

    @property
    def lock(self) -> FileLock:
        """Held by the session that uses it."""
        return FileLock(_shelf() / f"{self.name}.lock")

    def end(self) -> None:
        """End the cluster, and remove what it does not leave. Raises ``WaitTimeoutError`` where its keeper does not end."""
        self.file.unlink(missing_ok=True)
        clock.wait_until(
            lambda: (None if self.keeper.is_alive() else True, str(self.keeper)),
            what=f"the keeper of the cluster at {self.rest_url} to end",
            timeout_s=_END_S,
            next_step=f"end process {self.keeper.pid}",
        )
        for name in SCRATCH:
            shutil.rmtree(Path(self.directory, name), ignore_errors=True)
        Path(self.lock.lock_file).unlink(missing_ok=True)


def keep(cluster: StandaloneCluster, digest: str) -> Kept:
    """Let a running cluster outlive this process, which has no more to do with it."""
    _shelf().mkdir(parents=True, exist_ok=True)
    name = secrets.token_hex(6)
    file = _shelf() / f"{name}.json"
    file.touch()
    pipes = cluster.hand_over()
    keeper = subprocess.Popen(
        [sys.executable, "-I", "-S", str(_KEEPER), str(KEPT_S), str(file), *map(str, pipes)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
        cwd="/",
        pass_fds=pipes,
        start_new_session=True,
    )
    kept = Kept(
        name,
        cluster.rest_url,
        cluster.flink_version,
        os.fspath(cluster.directory.absolute()),
        digest,
        clock.wall_time_s() + KEPT_S,
        owner_of(keeper.pid),
    )
    fresh = file.with_suffix(".tmp")
    fresh.write_text(json.dumps(asdict(kept)), encoding="utf-8")
    fresh.replace(file)
    for pipe in pipes:
        os.close(pipe)
    keeper.returncode = 0  # not ours to wait for
    return kept


def kept_clusters() -> Iterator[Kept]:
    """All that are known, living or not."""
    for file in sorted(_shelf().glob("*.json")):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            data = json.loads(file.read_text(encoding="utf-8"))
            yield Kept(**{**data, "keeper": owner_from(data["keeper"])})


def take_kept(digest: str, *, left_s: float) -> tuple[Kept, FileLock] | None:
    """A living cluster made of the same, that nobody uses and that is kept for ``left_s`` more; its lock is the caller's now."""
    for kept in kept_clusters():
        if kept.digest == digest and kept.keeper.is_alive() and kept.until - clock.wall_time_s() >= left_s:
            lock = kept.lock
            with contextlib.suppress(Timeout):
                lock.acquire(timeout=0)
                return kept, lock
    return None


def _shelf() -> Path:
    return cache_root() / "kept"
