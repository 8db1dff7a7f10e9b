"""Rewrite the lock file of jars: ``python -m flink_testbed.artifacts.lock_jars``.

For developers of this project: change a version here, run the module and review the changes of the
lock file. Each root is resolved on its own, because jgo treats all roots of one resolve as bills of
materials and lets one change the versions of another.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from jgo.maven import MavenContext

from flink_testbed.artifacts.jars import LOCK_FILE
from flink_testbed.artifacts.maven import download, maven_repository

# Name of a set -> its roots. slf4j-simple is for the broker's log: Kafka's dependencies include no
# backend of slf4j.
_WITH_DEPENDENCIES = {"kafka": ("org.apache.kafka:kafka_2.13:4.1.1", "org.slf4j:slf4j-simple:1.7.36")}
# These jars contain their dependencies, or have none.
_CONNECTOR = "org.apache.flink:flink-sql-connector-kafka"
_SELF_CONTAINED = (
    f"{_CONNECTOR}:3.2.0-1.19",
    f"{_CONNECTOR}:4.0.1-2.0",
    f"{_CONNECTOR}:5.0.0-2.2",
    "org.eclipse.jdt:ecj:3.32.0",
)


def _resolved(root: str, directory: Path) -> Iterator[str]:
    repository = maven_repository()
    context = MavenContext(repo_cache=directory, local_repos=[], remote_repos={"central": repository.url}, timeout=60)
    dependency = context.create_dependency(root)
    dependency.scope = "compile"
    inputs, further = context.resolver.resolve([dependency])
    needed = [*inputs, *(each for each in further if each.scope in ("compile", "runtime"))]
    for each in needed:
        yield f"{each.artifact.groupId}:{each.artifact.artifactId}:{each.artifact.version}"


def _digest(coordinate: str, directory: Path) -> str:
    file = download(coordinate, maven_repository(), directory)
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> None:
    """Resolve and download the jars, and write the lock file."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        sets = {
            name: [coordinate for root in roots for coordinate in _resolved(root, directory / "poms")]
            for name, roots in _WITH_DEPENDENCIES.items()
        }
        sets |= {root.partition(":")[2].replace(":", "-"): [root] for root in _SELF_CONTAINED}
        lock = {
            name: {coordinate: _digest(coordinate, directory / "jars") for coordinate in dict.fromkeys(coordinates)}
            for name, coordinates in sets.items()
        }
    LOCK_FILE.write_text(json.dumps(lock, indent=2) + "\n", encoding="utf-8")
    sys.stderr.write(f"{sum(map(len, lock.values()))} jars in {LOCK_FILE}\n")


if __name__ == "__main__":
    main()
