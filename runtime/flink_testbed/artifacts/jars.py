"""Provide the jars of the lock file, checked by sha256 before use.

The lock file is written by :mod:`flink_testbed.artifacts.lock_jars`. Nothing is resolved at run
time, so that a repository cannot change which jars are used.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import Entry, find_entry, provide_entry
from flink_testbed.artifacts.maven import MIRROR_VARIABLE, MavenRepository, download, maven_repository
from flink_testbed.artifacts.versions import FlinkLine
from flink_testbed.core import clock
from flink_testbed.core.problem import HostError, Problem, WaitTimeoutError

LOCK_FILE = Path(__file__).with_name("jars.lock.json")
JARS_NEED_MIB = 250
_KIND = "jars"
_ATTEMPTS = 3
_PAUSE_S = 1.0
_AT_ONCE = 6


@dataclass(frozen=True, slots=True)
class LockedJar:
    """A jar: ``group:artifact:version`` and the hexadecimal sha256 of its bytes."""

    coordinate: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The file name that Maven gives it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"


@dataclass(frozen=True, slots=True)
class JarSet:
    """Jars that are used together: the first, and its dependencies."""

    name: str
    jars: tuple[LockedJar, ...]

    @property
    def version(self) -> str:
        """The version of the first jar."""
        return self.jars[0].coordinate.rpartition(":")[2]

    @property
    def key(self) -> str:
        """A cache key for exactly these bytes."""
        facts = "\n".join(f"{jar.coordinate} {jar.sha256}" for jar in self.jars)
        return f"{self.name}-{hashlib.sha256(facts.encode()).hexdigest()[:12]}"


def parse_lock(text: str) -> Mapping[str, JarSet]:
    """Return the sets of a lock file by name.

    Raises ``ValueError`` that names the invalid entry.
    """
    sets = {}
    for name, jars in json.loads(text).items():
        for coordinate, sha256 in jars.items():
            if not re.fullmatch(r"[\w.-]+:[\w.-]+:[\w.-]+", coordinate):
                raise ValueError(f"{name}: {coordinate!r} is not group:artifact:version")
            if not re.fullmatch(r"[0-9a-f]{64}", sha256):
                raise ValueError(f"{name}: {coordinate} has no sha256")
        if not jars:
            raise ValueError(f"{name}: no jar")
        sets[name] = JarSet(name, tuple(LockedJar(coordinate, sha256) for coordinate, sha256 in jars.items()))
    return sets


@lru_cache(maxsize=1)
def _lock() -> Mapping[str, JarSet]:
    return parse_lock(LOCK_FILE.read_text(encoding="utf-8"))


def locked_jars(name: str) -> JarSet:
    """Return a set of the lock file: ``kafka`` or ``flink-sql-connector-kafka-VERSION``."""
    return _lock()[name]


def connector_jars(line: FlinkLine) -> JarSet:
    """Return the set of Flink's Kafka connector for this minor version of Flink."""
    return locked_jars(f"flink-sql-connector-kafka-{line.kafka_connector}")


def provide_jars(jars: JarSet, *, progress: Callable[[str], None]) -> tuple[Path, ...]:
    """Return the files in the lock file's order.

    They are downloaded if the cache does not have them. Raises :class:`HostError`: FA414 if the
    repository is unreachable, FA451 if it lacks a jar or the download is incomplete, FA452 if the
    bytes differ from the locked ones, FA416 if the cached files were changed.
    """

    def build(directory: Path) -> dict[str, Any]:
        repository = maven_repository()
        progress(f"{jars.jars[0].coordinate}: downloading {len(jars.jars)} jar(s) (about 10 s, once)")
        # In parallel, as most jars are small and the time goes into waiting for the response.
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            tasks = [pool.submit(_fetch, jar, repository, directory) for jar in jars.jars]
            try:
                for task in tasks:
                    task.result()
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        return {"jars": [jar.coordinate for jar in jars.jars]}

    return _files(provide_entry(_KIND, jars.key, build, needs_mib=JARS_NEED_MIB, progress=progress), jars)


def cached_jars(jars: JarSet) -> tuple[Path, ...] | None:
    """Return the files, or None if the cache does not have them.

    Raises :class:`HostError` FA416 if they were changed.
    """
    entry = find_entry(_KIND, jars.key)
    return _files(entry, jars) if entry else None


def provide_connector(line: FlinkLine, *, progress: Callable[[str], None]) -> Path:
    """Return the jar of Flink's Kafka connector for this minor version of Flink."""
    return provide_jars(connector_jars(line), progress=progress)[0]


def _files(entry: Entry, jars: JarSet) -> tuple[Path, ...]:
    return tuple(entry.path / jar.file_name for jar in jars.jars)


def _fetch(jar: LockedJar, repository: MavenRepository, directory: Path) -> None:
    """Download one jar into ``directory``; it gets its name only after the check."""
    for attempt in range(1, _ATTEMPTS + 1):
        # A new directory for each attempt: jgo takes an existing file for complete, and the last may be cut.
        incoming = directory / f"incoming-{jar.file_name}-{attempt}"
        try:
            downloaded = download(jar.coordinate, repository, incoming)
            _require_locked(jar, downloaded, repository)
            downloaded.rename(directory / jar.file_name)
        except HostError as error:
            if attempt == _ATTEMPTS or isinstance(error, WaitTimeoutError):
                raise
            clock.pause(_PAUSE_S)
        else:
            return
        finally:
            shutil.rmtree(incoming, ignore_errors=True)


def _require_locked(jar: LockedJar, file: Path, repository: MavenRepository) -> None:
    content = file.read_bytes()
    seen = hashlib.sha256(content).hexdigest()
    if seen != jar.sha256:
        raise HostError(
            Problem(
                "FA452",
                f"{jar.coordinate} differs from the locked jar",
                where=repository.source,
                expected=f"sha256 {jar.sha256}",
                seen=f"sha256 {seen}, {len(content)} bytes",
                next_step=f"do not use it; check the repository, or set {MIRROR_VARIABLE} to another mirror",
            )
        )
