"""Class archives (AppCDS): loaded classes of JVMs, written once and mapped by every later start.

The first of a kind records into its own directory; when it is stopped in order, its JVMs write their archives, which are then
published by an atomic rename. An archive that does not fit the JVM or its jars any more is ignored by
the JVM itself.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from flink_testbed.artifacts.contents import record_contents, require_contents
from flink_testbed.core.problem import HostError

# What is recorded, for the key: those of the first kind held what jobs had loaded, and failed later jobs.
_KIND = "2"


class ClassArchive:
    """The archives of one class path and one Java: kept in ``store``, recorded in ``draft`` where there are none yet.

    ``roles`` are the kinds of JVM that have one; others start without.
    """

    def __init__(
        self, store: Path, draft: Path, *, roles: Sequence[str], classes: Sequence[Path], java_version: str
    ) -> None:
        self._roles = tuple(roles)
        # The JVM refuses an archive when a jar's path, size or time differs: so these are the key.
        facts = [_KIND, java_version] + [f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in classes]
        self._home = store / hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
        self._draft = draft
        self._discard_altered()
        self.recording = not self._home.is_dir()

    def _discard_altered(self) -> None:
        """A JVM maps an archive as it is: one that is not what was written must not reach it. The next cluster writes it anew."""
        if self._home.is_dir():
            try:
                require_contents(self._home)
            except HostError:
                shutil.rmtree(self._home, ignore_errors=True)

    def flags(self, role: str) -> list[str]:
        """JVM flags that use the archive of ``role``, or that write it at the JVM's end."""
        if role not in self._roles:
            return []
        # Both complain in the log about classes that no archive can hold; nobody can act on that.
        quiet = ["-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+path=off"]
        if not self.recording:
            return [f"-XX:SharedArchiveFile={self._home / role}.jsa", *quiet]
        self._draft.mkdir(parents=True, exist_ok=True)
        return [f"-XX:ArchiveClassesAtExit={self._draft / role}.jsa", *quiet]

    def publish(self) -> None:
        """Make freshly written archives the ones to use, if all are there and nobody was faster."""
        if not all((self._draft / f"{role}.jsa").is_file() for role in self._roles) or self._home.exists():
            return
        self._home.parent.mkdir(parents=True, exist_ok=True)
        partial = self._home.with_name(f".{self._home.name}.{os.getpid()}.partial")
        try:
            # A move, where both are on one file system; else a copy, visible under its name only when whole.
            shutil.move(self._draft, partial)
            record_contents(partial)
            with contextlib.suppress(OSError):  # another session published the same meanwhile; theirs is as good
                partial.rename(self._home)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
