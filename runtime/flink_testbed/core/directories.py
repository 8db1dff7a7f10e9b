"""Locations that all sessions of a user share."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_root() -> Path:
    """Return the cache: ``FLINK_AGENTS_TEST_CACHE_DIR``, else the user's cache directory.

    The directory may not exist yet. The environment variable is read at each call, so that a
    test can point one session at a cache of its own.
    """
    chosen = os.environ.get("FLINK_AGENTS_TEST_CACHE_DIR")
    return Path(chosen) if chosen else user_cache_path("pytest-flink-agents")
