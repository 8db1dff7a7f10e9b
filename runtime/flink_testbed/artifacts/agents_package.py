"""The flink-agents package: the requirement for it, its content and its jars."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

from packaging.version import InvalidVersion, Version

from flink_testbed.artifacts.versions import DEFAULT_FLINK_AGENTS
from flink_testbed.core.problem import HostError, Problem

# What a build of a project adds beside these files. Elsewhere the names are those of any package.
_RESULTS, _BUILDS = frozenset(("build", "dist")), frozenset(("pyproject.toml", "setup.py", "setup.cfg"))
_NOT_CONTENT = frozenset((".git", "__pycache__"))
_ENVIRONMENT = "pyvenv.cfg"


def flink_agents_requirement(which: str) -> str:
    """Return the requirement for a version or a path.

    Raises :class:`HostError` FA419 if it is neither.
    """
    path = package_path(which)
    if path is not None:
        return f"flink-agents @ {path.absolute().as_uri()}"
    try:
        return f"flink-agents=={Version(which)}"
    except InvalidVersion:
        raise HostError(
            Problem(
                "FA419",
                "--flink-agents names neither a version nor an existing path",
                expected=f"a version such as {DEFAULT_FLINK_AGENTS}, or the path of a wheel, an sdist or a source tree",
                seen=repr(which),
                next_step="check the path; it is relative to the directory in which pytest was started",
            )
        ) from None


def package_path(which: str) -> Path | None:
    """Return the path of a wheel, an sdist, or the directory of the Python project in a source tree.

    None if there is no such path, as for a version. Upstream's repository has the project in ``python/``.
    """
    path = Path(which)
    if (path / "python" / "pyproject.toml").is_file():
        return path / "python"
    return path if path.exists() else None


def content_of(which: str) -> str:
    """Return a digest of a path's content.

    A rebuilt wheel must get another environment. A version is returned unchanged.
    """
    path = package_path(which)
    return which if path is None else digest_of_path(path)


def digest_of_path(path: Path) -> str:
    """Return a digest of a file, or of the files of a source tree without what a build adds to it."""
    # All files, not only Python's: rebuilding a checkout changes the jars.
    members = [path] if path.is_file() else sorted(_members(path))
    digest = hashlib.sha256()
    for member in members:
        digest.update(f"{member.relative_to(path)}\0{member.stat().st_size}\0".encode() + member.read_bytes())
    return digest.hexdigest()


def _members(root: Path) -> Iterator[Path]:
    for directory, below, names in os.walk(root):
        built = not _BUILDS.isdisjoint(names)
        below[:] = [name for name in below if not _is_added(Path(directory, name), built=built)]
        yield from (path for path in (Path(directory, name) for name in names) if path.is_file())


def _is_added(folder: Path, *, built: bool) -> bool:
    """Return whether a directory is none of the sources; ``built`` says that a project is built where it lies."""
    if folder.name in _NOT_CONTENT or folder.name.endswith(".egg-info"):
        return True
    return (built and folder.name in _RESULTS) or (folder / _ENVIRONMENT).is_file()


def upstream_jars(lib: Path, flink_version: str) -> tuple[tuple[Path, ...], str]:
    """Return the upstream engine's jars for this Flink, or none and the reason.

    Since 0.2 the package has ``common/`` and one ``flink-X.Y/`` per Flink version; before, a single
    jar for Flink 1.20.
    """
    minor = ".".join(flink_version.split(".")[:2])
    own = sorted(lib.glob(f"flink-{minor}/*.jar")) or (sorted(lib.glob("*.jar")) if minor == "1.20" else [])
    if own:
        return (*sorted(lib.glob("common/*.jar")), *own), ""
    if any(lib.rglob("*.jar")):
        return (), f"the installed flink-agents holds no jars for Flink {minor}"
    return (), "the installed flink-agents holds no jars"
