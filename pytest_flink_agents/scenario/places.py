"""Files that a scenario names: inside the project, existing, and nowhere else, whatever links are on the way.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from flink_testbed.core.problem import nearest
from pytest_flink_agents.scenario.error import shorten


class PlaceError(Exception):
    """A path that may not be used; ``expected``, ``seen`` and ``next_step`` as in a problem."""

    def __init__(self, message: str, expected: str, seen: str, next_step: str = "") -> None:
        super().__init__(message)
        self.message, self.expected, self.seen, self.next_step = message, expected, seen, next_step


def file_inside(base: Path, relative: str, fence: Path) -> Path:
    """Return the file at ``relative`` below ``base``, all links followed; it must exist and lie inside ``fence``.

    Raises :class:`PlaceError`.
    """
    if PurePosixPath(relative).is_absolute() or "\0" in relative:
        raise PlaceError("a path must be relative", f"a path relative to {base.name}/", shorten(relative))
    try:
        real_fence, real = fence.resolve(), (base / relative).resolve()
        is_file, is_folder = real.is_file(), real.is_dir()
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PlaceError("a path that leads nowhere", "a file", shorten(f"{reason}: {relative}")) from None
    if not real.is_relative_to(real_fence):
        raise PlaceError("a path that leads outside", f"a file inside {real_fence.name}/", shorten(relative))
    if not is_file:
        seen = "a folder" if is_folder else "no such file"
        raise PlaceError(f"no file {shorten(relative)}", "an existing file", seen, _neighbour(real))
    return real


def _neighbour(wanted: Path) -> str:
    try:
        near = nearest(wanted.name, sorted(entry.name for entry in wanted.parent.iterdir() if entry.is_file())[:1000])
    except OSError:
        return ""
    return f'did you mean "{near}"?' if near else ""


def shown(path: Path, root: Path) -> str:
    """Return a path as messages show it: from the project root where it lies inside, with forward slashes."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()
