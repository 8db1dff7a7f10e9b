"""What a job's threads were at when its time was over."""

from __future__ import annotations

import contextlib
from pathlib import Path

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster

# In the stack of a thread that runs somebody's job, or holds one up.
_TELLING = ("StreamTask", "pemja.", "flink.streaming.", "flink.python.", "SourceReader", "BLOCKED")


def keep_thread_dump(cluster: FlinkCluster, directory: Path) -> dict[str, str]:
    """Write the threads that say something to ``directory``: ``{"threads": path}``, or nothing where none can be had."""
    with contextlib.suppress(HostError, OSError):
        kept = {name: telling_threads(text) for name, text in cluster.thread_dump().items()}
        file = directory / "thread-dump.txt"
        file.write_text("".join(f"=== {name}\n{text}\n" for name, text in kept.items() if text), encoding="utf-8")
        return {"threads": str(file)}
    return {}


def telling_threads(dump: str) -> str:
    """The threads of a dump (each begins with its name in quotes) that run a job's code, or are blocked."""
    threads = [f'"{part}' for part in dump.split('\n"')]
    threads[0] = threads[0].removeprefix('"') if dump.startswith('"') else threads[0]
    return "\n".join(thread.rstrip() for thread in threads if any(word in thread for word in _TELLING))
