"""Class archives (AppCDS), written once and mapped by later JVMs.

The first cluster of a kind records into a directory of its own. When it stops in order, its JVMs
write their archives, which are then published by an atomic rename. The JVM itself ignores an archive
that does not fit it or its jars.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from flink_testbed.artifacts.cache_use import hold
from flink_testbed.artifacts.contents import record_contents, require_contents
from flink_testbed.core.problem import HostError

# Part of the key. Archives of format 1 held classes that jobs had loaded, and made later jobs fail;
# those of format 2 lack the classes of TLS.
_FORMAT = "3"


class ClassArchive:
    """The archives of one class path and one Java, below ``store``.

    They are recorded in ``draft`` if there are none yet. ``roles`` are the kinds of JVM that have an
    archive; others start without one.
    """

    def __init__(
        self, store: Path, draft: Path, *, roles: Sequence[str], classes: Sequence[Path], java_version: str
    ) -> None:
        self._roles = tuple(roles)
        # The JVM rejects an archive if path, size or time of a jar differ, so these are the key.
        facts = [_FORMAT, java_version] + [
            f"{path} {path.stat().st_size} {path.stat().st_mtime_ns}" for path in classes
        ]
        self._home = store / hashlib.sha256("\n".join(facts).encode()).hexdigest()[:16]
        self._draft = draft
        hold(self._home)
        self._discard_altered()
        self.recording = not self._home.is_dir()

    def _discard_altered(self) -> None:
        """Delete archives that differ from what was written.

        The next cluster records new ones. A JVM maps an archive without checking its bytes and
        would crash or run wrong code.
        """
        if self._home.is_dir():
            try:
                require_contents(self._home)
            except HostError:
                shutil.rmtree(self._home, ignore_errors=True)

    def flags(self, role: str) -> list[str]:
        """Return the JVM flags that use or write the archive of ``role``.

        It is written when the JVM ends.
        """
        if role not in self._roles:
            return []
        # Both modes log warnings about classes that no archive can hold, which no user can act on.
        quiet = ["-Xlog:cds=off", "-Xlog:cds+dynamic=off", "-Xlog:class+path=off"]
        if not self.recording:
            return [f"-XX:SharedArchiveFile={self._home / role}.jsa", *quiet]
        self._draft.mkdir(parents=True, exist_ok=True)
        return [f"-XX:ArchiveClassesAtExit={self._draft / role}.jsa", *quiet]

    def publish(self) -> None:
        """Publish newly recorded archives, if all exist and no other session was faster."""
        if not all((self._draft / f"{role}.jsa").is_file() for role in self._roles) or self._home.exists():
            return
        self._home.parent.mkdir(parents=True, exist_ok=True)
        partial = self._home.with_name(f".{self._home.name}.{os.getpid()}.partial")
        try:
            # On another file system this is a copy, so it gets its final name only afterwards.
            shutil.move(self._draft, partial)
            record_contents(partial)
            with contextlib.suppress(OSError):  # another session published equivalent archives in the meantime
                partial.rename(self._home)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
