"""The report directory: a folder for each session, and a link to the latest.

The newest are kept, as many as the session says.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import secrets
import shutil
from datetime import datetime, timezone
from pathlib import Path

from flink_testbed.core import clock
from flink_testbed.core.directories import make_private

MARKER = ".flink-agents-run"
_IGNORED = ".gitignore"
_DRAWN_BITS = 14


def run_folder_name() -> str:
    """Return a unique name. Names sort by time, to the millisecond.

    The first 10 of the 24 bits behind the second are the millisecond, the others are drawn.
    """
    second, millisecond = divmod(int(clock.wall_time_s() * 1000), 1000)
    stamp = datetime.fromtimestamp(second, timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    return f"{stamp}-{millisecond << _DRAWN_BITS | secrets.randbits(_DRAWN_BITS):06x}"


class RunFolder:
    """The folder of one session, which exists from its first use on.

    Only the newest ``keep`` folders of a directory stay.
    """

    def __init__(self, path: Path, keep: int) -> None:
        self.path = path
        # Something may be in it that a reader wants to see.
        self.made = False
        self._reserved = False
        self._first = False
        self._keep = keep

    def make(self) -> None:
        """Create the folder if it does not exist yet, and let ``latest`` point to it. Raises ``OSError``."""
        if self.made:
            return
        # Another process of the session may have made it.
        if self._reserved or self._create():
            _point_latest_to(self.path)
            _forget_old(self.path.parent, self._keep)
        self.made = True

    def reserve(self) -> None:
        """Create the folder without pointing to it. Raises ``OSError``."""
        if not self.made and not self._reserved:
            self._reserved = self._create()

    def remove_unused(self) -> None:
        """Remove a folder that was reserved and not made, and its directory if that was created for it."""
        if self._reserved and not self.made:
            self._reserved = False
            shutil.rmtree(self.path, ignore_errors=True)
            if self._first:
                # Not all of it: another session may have begun there.
                with contextlib.suppress(OSError):
                    if [path.name for path in self.path.parent.iterdir()] == [_IGNORED]:
                        (self.path.parent / _IGNORED).unlink()
                        self.path.parent.rmdir()

    def _create(self) -> bool:
        self._first = not self.path.parent.exists()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        ignored = self.path.parent / _IGNORED
        if not ignored.exists():
            ignored.write_text("*\n", encoding="utf-8")
        try:
            make_private(self.path, exist_ok=False)
        except FileExistsError:
            return False
        (self.path / MARKER).touch()
        return True


def is_run(folder: Path) -> bool:
    """Return whether a directory, or what a link leads to, is the folder of a session."""
    return (folder / MARKER).exists()


def node_folder(run_folder: Path, node_id: str, attempt: int = 1) -> Path:
    """Return the folder for the evidence of one attempt at an item.

    Its name is made of the safe characters of the node id and of its digest: without the digest two items could share a
    folder, since names in another script have no safe characters at all.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", node_id).strip("-.")[:110]
    digest = hashlib.sha256(node_id.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return run_folder / "artifacts" / f"{safe}-{digest}" / str(attempt)


def retire_latest(report_dir: Path) -> None:
    """Remove the pointer to the newest run: until this session has a run folder, nobody may take an old verdict for its own."""
    for name in ("latest", "latest.txt"):
        pointer = report_dir / name
        if pointer.is_symlink() or (name == "latest.txt" and pointer.is_file()):
            with contextlib.suppress(OSError):
                pointer.unlink()


def _point_latest_to(folder: Path) -> None:
    latest = folder.parent / "latest"
    in_words = folder.parent / "latest.txt"
    fresh = folder.parent / f".latest-{folder.name}"
    try:
        fresh.symlink_to(folder.name, target_is_directory=True)
        fresh.replace(latest)
    except OSError:  # no links on this file system, or a real directory has the name
        fresh.unlink(missing_ok=True)
        in_words.write_text(folder.name + "\n", encoding="utf-8")
    else:
        in_words.unlink(missing_ok=True)


def _forget_old(report_dir: Path, keep: int) -> None:
    """Remove old run folders, except those in which a cluster still runs.

    Only folders with the marker of this package are removed.
    """
    runs = sorted(marker.parent for marker in report_dir.glob(f"*/{MARKER}") if not marker.parent.is_symlink())
    if len(runs) <= keep:
        return
    from flink_testbed.ownership.detached import detached_services

    used = {Path(kept.directory) for kept in detached_services()}
    for old in runs[:-keep]:
        if any(directory.is_relative_to(old.resolve()) for directory in used):
            continue
        shutil.rmtree(old, ignore_errors=True)
