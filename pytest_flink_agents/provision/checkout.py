"""The project as it was at a commit of its own repository, as files in the cache.

The commit's files are exported. So nothing is written to the repository, and its working tree is not touched.
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.cache import provide_entry
from flink_testbed.artifacts.local_requirements import local_requirement
from flink_testbed.core.problem import HostError, Problem, nearest
from pytest_flink_agents.settings import Settings

_GIT_S = 120.0
_FILES = "files"


@dataclass(frozen=True, slots=True)
class Checkout:
    """A project at a commit: its root in the cache, the ref that names the commit, and the commit."""

    root: Path
    ref: str
    commit: str

    def settings(self, settings: Settings) -> Settings:
        """Return settings whose code is that of the commit; directories outside the project stay."""
        return replace(
            settings, root=self.root, python_path=tuple(self._at(settings, path) for path in settings.python_path)
        )

    def requirement(self, line: str, root: Path) -> str:
        """Return a requirement with the path inside the project that it names at the commit; other lines as they are."""
        local = local_requirement(line)
        for now in (root, root.resolve()):
            if local is not None and local.path.is_relative_to(now):
                return str(local.at(self.root / local.path.relative_to(now)))
        return line

    def agent(self, spec: Any, root: Path) -> Any:
        """Return an agent's spec with its file at the commit; ``root`` is that of the project now."""
        if not isinstance(spec, dict):
            return spec
        moved = {word: str(self.root / Path(spec[word]).relative_to(root)) for word in ("yaml", "plan") if word in spec}
        return {**spec, **moved}

    def _at(self, settings: Settings, path: Path) -> Path:
        inside = path.is_relative_to(settings.root)
        return self.root / path.relative_to(settings.root) if inside else path

    def __str__(self) -> str:
        return f"{self.ref} ({self.commit[:12]})"


def provide_checkout(root: Path, ref: str, progress: Callable[[str], None]) -> Checkout:
    """Return the project with this ``root`` at a branch, tag or commit of its repository.

    Raises ``HostError`` FA435 if there is no repository or no such commit.
    """
    top = Path(_git(root, "rev-parse", "--show-toplevel", ref=ref).decode().rstrip("\n"))
    commit = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}", ref=ref)
    digest = commit.decode().strip()

    def build(directory: Path) -> dict[str, Any]:
        files = directory / _FILES
        files.mkdir()
        archive = directory / "commit.tar"
        _git(top, "archive", "--format=tar", f"--output={archive}", digest, ref=ref)
        subprocess.run(["tar", "-xf", str(archive), "-C", str(files)], check=True, timeout=_GIT_S)
        archive.unlink()
        return {"ref": ref, "commit": digest}

    entry = provide_entry("checkouts", digest, build, needs_mib=64, progress=progress)
    return Checkout(entry.path / _FILES / root.resolve().relative_to(top.resolve()), ref, digest)


def _git(directory: Path, *arguments: str, ref: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments], capture_output=True, check=False, timeout=_GIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _no_commit(directory, ref, f"git cannot be run: {error}") from None
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise _no_commit(directory, ref, said or "no such branch, tag or commit")
    return done.stdout


def _no_commit(directory: Path, ref: str, seen: str) -> HostError:
    command = ["git", "-C", str(directory), "for-each-ref", "--format=%(refname:short)", "refs/tags", "refs/heads"]
    known = ""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        known = subprocess.run(command, capture_output=True, check=False, text=True, timeout=_GIT_S).stdout
    near = nearest(ref, known.split())
    next_step = (
        f"did you mean {near}?" if near else "name a branch, tag or commit that this clone has: git fetch --tags"
    )
    expected = "a commit of the project's own repository"
    return HostError(Problem("FA435", f"there is no version {ref!r}", str(directory), expected, seen, next_step))
