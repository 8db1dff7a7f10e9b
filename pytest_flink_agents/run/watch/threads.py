"""Save a thread dump of a job that missed its deadline."""

from __future__ import annotations

import contextlib
from pathlib import Path

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster

# Words in the stack of a thread that runs a job or blocks one.
_RELEVANT = ("StreamTask", "pemja.", "flink.streaming.", "flink.python.", "SourceReader", "BLOCKED")


def save_thread_dump(cluster: FlinkCluster, directory: Path) -> dict[str, str]:
    """Write the relevant threads to a file, and return ``{"threads": path}``.

    Empty if the cluster has no dump.
    """
    with contextlib.suppress(HostError, OSError):
        kept = {name: relevant_threads(text) for name, text in cluster.thread_dump().items()}
        file = directory / "thread-dump.txt"
        file.write_text("".join(f"=== {name}\n{text}\n" for name, text in kept.items() if text), encoding="utf-8")
        return {"threads": str(file)}
    return {}


def relevant_threads(dump: str) -> str:
    """Return the threads that run a job's code or are blocked.

    Each thread of a dump begins with its name in quotes.
    """
    threads = [f'"{part}' for part in dump.split('\n"')]
    threads[0] = threads[0].removeprefix('"') if dump.startswith('"') else threads[0]
    return "\n".join(thread.rstrip() for thread in threads if any(word in thread for word in _RELEVANT))
