"""Write a savepoint for each supported combination that the corpus lacks: ``make savepoints``.

A stored savepoint is never written again: it proves that later code reads the bytes which that version wrote. When the
layout of the state changes, or a Flink line is added, the new combinations get savepoints of their own.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from importlib import metadata
from pathlib import Path

from flink_agents_runtime.engine.state import LAYOUT
from flink_testbed.artifacts.versions import resolve_flink
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import RestAuth
from tests.savepoints.corpus import AGENT, EACH, KEYS, StoredSavepoint, before, record, stored_savepoints
from tests.support.endless_job import EndlessJob, endless_jobs

ROOT = Path(__file__).parents[2]
# Flink, flink-agents and Python's mode. A state of one mode is not one of the other.
COMBINATIONS = (
    ("1.20", "0.3.1", "thread"),
    ("2.2", "0.3.0", "thread"),
    ("2.2", "0.3.1", "thread"),
    ("2.2", "0.3.1", "process"),
    ("2.3", "0.3.1", "thread"),
)


def write(environment: TestEnvironment, mode: str, directory: Path) -> StoredSavepoint:
    """Run the agent, stop it with work in flight, and store its savepoint."""
    parts = environment.environment
    release = metadata.version("pytest-flink-agents")
    name = f"layout-{LAYOUT}-flink-{parts.flink_version}-agents-{parts.flink_agents_version}-{mode}"
    with endless_jobs(environment) as jobs:
        job = EndlessJob(jobs, environment.cluster(), directory, AGENT, mode, {"writer": name})
        job.put("before", before())
        job.start()
        job.wait_for_outputs(EACH, *KEYS)
        savepoint = job.stop()
    written = StoredSavepoint(
        name,
        release,
        LAYOUT,
        parts.flink_version,
        parts.flink_agents_version,
        parts.python_version,
        mode,
    )
    shutil.copytree(savepoint.partition(":")[2], written.path)
    return written


def main() -> int:
    """Write what is missing; return the exit code."""
    known = {(each.line, each.flink_agents, each.mode, each.layout) for each in stored_savepoints()}
    for flink, flink_agents, mode in COMBINATIONS:
        if (flink, flink_agents, mode, LAYOUT) in known:
            continue
        with tempfile.TemporaryDirectory(prefix="flink-agents-savepoints-") as directory:
            session = Services(
                Settings(root=ROOT, python_path=(), rest_auth=RestAuth.OFF, flink_agents=flink_agents),
                directory=Path(directory),
                progress=lambda line: None,
                redactor=Redactor({}),
            )
            try:
                environment = session.environment(resolve_flink(flink, flink_agents))
                savepoint = write(environment, mode, Path(directory) / "job")
            finally:
                session.close()
        record(savepoint)
        sys.stdout.write(f"{savepoint.name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
