"""Directories that all sessions of a user share, and directories for their owner only."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path

PRIVATE = 0o700


def cache_root() -> Path:
    """Return the cache: ``FLINK_AGENTS_TEST_CACHE_DIR``, else the user's cache directory.

    The directory may not exist yet. The environment variable is read at each call, so that a
    test can point one session at a cache of its own.
    """
    chosen = os.environ.get("FLINK_AGENTS_TEST_CACHE_DIR")
    return Path(chosen) if chosen else user_cache_path("pytest-flink-agents")


def make_private(directory: Path, *, exist_ok: bool = True) -> Path:
    """Create a directory that only its owner can enter, and return it.

    Evidence, configurations with passwords and logs are inside, and programs that know nothing of
    this write them. An existing directory of this user is closed to others, too. Parents get the
    usual permissions.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=PRIVATE, exist_ok=exist_ok)
    status = directory.stat()
    if status.st_uid == os.getuid() and status.st_mode & ~PRIVATE & 0o777:
        directory.chmod(PRIVATE)
    return directory
