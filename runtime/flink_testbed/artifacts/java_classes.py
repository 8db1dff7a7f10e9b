"""Compile Java sources into a jar of the cache.

The compiler is Eclipse's, which runs on a JRE: most machines that run Flink have no JDK.
"""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry
from flink_testbed.artifacts.jars import locked_jars, provide_jars
from flink_testbed.core.problem import HostError, Problem
from flink_testbed.ownership.command import run_guarded
from flink_testbed.ownership.process import clean_environment

# The newest release of the compiler that runs on Java 11, which Flink 1.20 still supports.
_COMPILER = "ecj-3.32.0"
_TARGET = "11"
_COMPILE_S = 120.0
_LAYOUT = "2"


def provide_classes(
    sources: Mapping[str, str], class_path: Sequence[Path], java: Path, *, progress: Callable[[str], None]
) -> Path:
    """Return a jar with the classes of ``sources``, which are texts by path like ``shop/Pay.java``.

    ``class_path`` are jars that they need, ``java`` is the executable. Raises :class:`HostError`
    FA458 if the compiler rejects them, and the errors of :func:`provide_jars`.
    """
    compiler = locked_jars(_COMPILER)
    names = [(path.name, path.stat().st_size) for path in class_path]
    made_of = (_LAYOUT, compiler.key, sorted(sources.items()), names)
    key = hashlib.sha256(repr(made_of).encode()).hexdigest()[:16]
    # Flink's REST API takes the jars of a job by their file names, of which no two may be the same.
    jar_name = f"classes-{key}.jar"

    def build(directory: Path) -> dict[str, Any]:
        (jar,) = provide_jars(compiler, progress=progress)
        _compile(jar, sources, class_path, java, directory, jar_name)
        return {"sources": sorted(sources)}

    return provide_entry("java-classes", key, build, needs_mib=10, progress=progress).path / jar_name


def _compile(
    compiler: Path, sources: Mapping[str, str], class_path: Sequence[Path], java: Path, directory: Path, jar_name: str
) -> None:
    """Compile the sources and pack the classes into a jar in ``directory``."""
    written, classes = directory / "sources", directory / "classes"
    for name, text in sources.items():
        file = written / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    command = [str(java), "-jar", str(compiler), "-source", _TARGET, "-target", _TARGET, "-proc:none", "-nowarn"]
    command += ["-encoding", "UTF-8", "-cp", os.pathsep.join(map(str, class_path)), "-d", str(classes)]
    done = run_guarded(
        [*command, *(str(written / name) for name in sources)],
        env=clean_environment(),
        cwd=directory,
        timeout_s=_COMPILE_S,
    )
    if done.returncode != 0:
        raise HostError(
            Problem(
                "FA458",
                f"{', '.join(sorted(sources))} cannot be compiled",
                expected=f"Java {_TARGET}",
                next_step="correct the sources",
                detail=done.output[-4000:],
            )
        )
    with zipfile.ZipFile(directory / jar_name, "w") as archive:
        for file in sorted(classes.rglob("*.class")):
            # With a fixed time stamp, so that the same content is the same file.
            info = zipfile.ZipInfo(os.fspath(file.relative_to(classes)), (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, file.read_bytes())
