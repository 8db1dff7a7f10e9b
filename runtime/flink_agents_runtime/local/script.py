"""Run a user's script as ``python script.py`` would, with local execution environments."""

from __future__ import annotations

import contextlib
import runpy
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from flink_agents.api.execution_environment import AgentsExecutionEnvironment

from flink_agents_runtime.engine.failure import ActionFailure, encodable, text_of
from flink_agents_runtime.local.environment import LocalEnvironment
from flink_agents_runtime.local.patch import patch_environment, restore_environment

# The source of the options in Configuration.explain.
_SOURCE = "the harness"
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """The result of a script: its outputs and its failure.

    Outputs are ordered by environment and pipeline. ``failure`` is None, the fields of an action's
    failure, or ``type, message, traceback`` of any other exception.
    """

    outputs: tuple[tuple[Any, Any], ...]
    failure: dict[str, Any] | None


def run_script(
    path: Path, arguments: Sequence[str], *, seed: int | None, deadline_s: float, events: Path, stdout: TextIO
) -> ScriptResult:
    """Run the script to its end or its deadline.

    Event logs go to the directory ``events`` unless the script sets another one, and its prints to
    ``stdout``. A script that misses the deadline fails with a TimeoutError; its daemon thread is
    abandoned.
    """
    environments: list[LocalEnvironment] = []
    failures: list[dict[str, Any]] = []

    def make() -> LocalEnvironment:
        environment = LocalEnvironment(seed=seed, deadline_s=deadline_s)
        options = {"baseLogDir": str(events / str(len(environments))), "event-log.level": "VERBOSE"}
        environment.get_config().add(options, _SOURCE)
        environments.append(environment)
        return environment

    def run() -> None:
        with contextlib.redirect_stdout(stdout):
            failures.extend(_failures(path, arguments))

    patch_environment(AgentsExecutionEnvironment, make)
    thread = threading.Thread(target=run, name="script", daemon=True)
    thread.start()
    # An execution has the same deadline and a better message, so it gets the chance to fail first.
    thread.join(deadline_s + _GRACE_S)
    restore_environment(AgentsExecutionEnvironment)
    if thread.is_alive():
        message = f"the script {path.name} did not end within {deadline_s:g} s"
        failures.append({"type": "TimeoutError", "message": message, "traceback": ""})
    outputs = [item for environment in environments for output in environment.outputs() for item in output.items()]
    return ScriptResult(tuple(outputs), failures[0] if failures else None)


def _failures(path: Path, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Run the script on this thread and return its failure, if any."""
    try:
        with _as_main(path, arguments):
            runpy.run_path(str(path), run_name="__main__")
    except ActionFailure as error:
        return [error.as_json()]
    except BaseException as error:  # on a thread, so that no Ctrl-C is among them
        if not isinstance(error, SystemExit) or error.code not in (None, 0):
            return [_as_failure(error)]
    return []


@contextlib.contextmanager
def _as_main(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """Set ``sys.argv`` and ``sys.path`` as ``python path arguments`` would.

    Modules imported from the script's directory are removed afterwards, because the next script may
    have different modules of the same names.
    """
    directory, argv, known = str(path.parent), sys.argv, set(sys.modules)
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, directory)
    try:
        yield
    finally:
        sys.argv = argv
        sys.path.remove(directory)
        for name in set(sys.modules) - known:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(directory + "/"):
                del sys.modules[name]


def _as_failure(error: BaseException) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": encodable(text_of(error)),
        "traceback": encodable("".join(traceback.format_exception(type(error), error, error.__traceback__))),
    }
