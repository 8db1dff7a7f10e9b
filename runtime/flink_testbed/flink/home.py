"""The programs that a cluster is started from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FlinkHome:
    """The programs of a cluster: ``pyflink``, Java and Python.

    ``python_path`` has the import roots of the Python workers in order of precedence.
    """

    flink_home: Path
    flink_version: str
    java: Path
    java_version: str
    python: Path
    python_path: tuple[Path, ...]
