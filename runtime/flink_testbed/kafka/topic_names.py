"""Names of topics, by which a later session finds what an earlier one left."""

from __future__ import annotations

import re
import secrets


def topic_prefix(run_id: str) -> str:
    """Return the common prefix of a run's topic names."""
    return f"flink-agents-{run_id}-"


def topic_name(run_id: str, label: str) -> str:
    """Return a unique topic name with the run's prefix."""
    what = re.sub(r"[^a-zA-Z0-9_-]+", "-", label)[:120].strip("-")
    return f"{topic_prefix(run_id)}{what}-{secrets.token_hex(4)}"
