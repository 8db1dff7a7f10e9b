"""Load the bridge between JVM and Python for real: ``doctor --probe``."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from flink_testbed.artifacts.environments import JobEnvironment
from flink_testbed.artifacts.gateway_token import token_variables
from flink_testbed.artifacts.runtime_zip import provide_runtime_zip
from flink_testbed.core.problem import WaitTimeoutError
from flink_testbed.ownership.command import run_guarded
from flink_testbed.ownership.process import clean_environment
from pytest_flink_agents.cli.doctor.check import FAIL, OK, Check
from pytest_flink_agents.provision.client import client_variables

NAME = "pemja in a JVM"
_LOADED_WITHIN_S = 120.0
_SHOWN = 400
# How the second class loader of a JVM fails to load pemja's native library.
_LOADED_BEFORE = "loadedLibraryNames"


@dataclass(frozen=True, slots=True)
class Loaded:
    """The result of loading the bridge in a JVM.

    ``java`` and ``python`` are the versions that met, ``python`` is empty if no Python ran. ``again`` is the error of a
    second class loader of the same JVM.
    """

    java: str = ""
    python: str = ""
    error: str = ""
    again: str = ""


def load_bridge(environment: JobEnvironment, java_home: Path) -> Loaded:
    """Load the bridge in a new JVM, with the job environment's Python."""
    command = [str(environment.python), "-m", "flink_agents_runtime.on_flink.bridge"]
    with tempfile.TemporaryDirectory() as directory:
        conf = Path(directory, "client")
        variables = client_variables(environment.flink_home, java_home, conf)
        token = token_variables(environment.flink_home, conf / "lib", progress=lambda _: None)
        env = clean_environment(PYTHONPATH=str(provide_runtime_zip()), **variables, **token)
        try:
            done = run_guarded(command, env=env, cwd=Path(directory), timeout_s=_LOADED_WITHIN_S)
        except WaitTimeoutError:
            return Loaded(error=f"no answer within {_LOADED_WITHIN_S:g} s")
    return loaded_in(done.output, done.returncode)


def loaded_in(output: str, returncode: int) -> Loaded:
    """Return the answer in the output of the process: its last line, unless the process failed."""
    last = output.strip().rpartition("\n")[2]
    ended = f"the JVM ended with code {returncode}"
    try:
        found = json.loads(last)
        loaded = Loaded(**{name: str(value) for name, value in found.items()})
    except (ValueError, AttributeError, TypeError):
        return Loaded(error=f"{ended}: {output.strip()[-_SHOWN:] or 'no output'}")
    # A JVM may crash behind its answer: a TaskManager would crash there, too.
    return replace(loaded, error=loaded.error or f"{ended} after it had loaded the bridge") if returncode else loaded


def judge_loaded(name: str, loaded: Loaded) -> list[Check]:
    """Return the check of the loaded bridge."""
    if loaded.error or not loaded.python:
        seen = f"Java {loaded.java}: " * bool(loaded.java) + (loaded.error or "Python did not answer")
        return [Check(FAIL, name, seen[:_SHOWN], "reinstall apache-flink for this Python; until then use process mode")]
    seen = f"Java {loaded.java} ran Python {loaded.python}"
    if _LOADED_BEFORE in loaded.again:
        seen += (
            f"; loaded again by a second class loader, pemja fails with {loaded.again}. On a TaskManager that is the second "
            "job, unless the cluster has opt/flink-python-*.jar in lib/ and the option "
            "classloader.parent-first-patterns.additional: pemja. (the clusters of this package have both)"
        )
    elif loaded.again:
        seen += f"; loaded again by a second class loader, it fails with {loaded.again[:_SHOWN]}"
    return [Check(OK, name, seen)]
