"""Patched copies of classes of Flink, where Flink has no option.

A patched class goes into a jar of its own in the cache, which comes first on the class path; Flink's
jars stay unchanged. The patches themselves are in ``loopback``, ``python_timers``, ``bounded_kafka``
and ``gateway_token``.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry
from flink_testbed.artifacts.class_file import UnknownClassError

# Part of the cache key; to be raised when a patch changes.
_LAYOUT = "1"
_JAR = "patched.jar"


@dataclass(frozen=True, slots=True)
class ClassPatch:
    """A patch for the class ``member`` of a jar.

    ``otherwise`` is the consequence, for the progress, if the jar has another version of the class.
    """

    member: str
    apply: Callable[[bytes], bytes]
    otherwise: str


def provide_patched(jar: Path, patch: ClassPatch, *, progress: Callable[[str], None]) -> Path | None:
    """Return a jar with only the patched class.

    None if the patch does not fit; the progress says so. The cache key has path, size and time of
    the jar instead of its bytes, as the JVM's own checks do: opening ``flink-python`` takes a tenth
    of a second.
    """

    def build(directory: Path) -> dict[str, Any]:
        with zipfile.ZipFile(jar) as archive:
            original = archive.read(patch.member)
        changed = patch.apply(original)
        with zipfile.ZipFile(directory / _JAR, "w") as archive:
            # With a fixed time stamp, so that the same content is the same file.
            archive.writestr(zipfile.ZipInfo(patch.member, (1980, 1, 1, 0, 0, 0)), changed)
        return {"of": hashlib.sha256(original).hexdigest()}

    stat = jar.stat()
    made_of = (_LAYOUT, patch.member, str(jar.absolute()), stat.st_size, stat.st_mtime_ns)
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]
    try:
        return provide_entry("patched-classes", key, build, needs_mib=1, progress=progress).path / _JAR
    except (KeyError, UnknownClassError) as error:
        progress(f"{jar.name}: {patch.otherwise} ({error})")
        return None
