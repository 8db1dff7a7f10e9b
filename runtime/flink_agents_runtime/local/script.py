"""A user's own script, run as ``python script.py`` would, its environments without Flink and looked at from outside."""

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

from flink_agents_runtime.engine.failure import ActionFailure
from flink_agents_runtime.local.environment import LocalEnvironment
from flink_agents_runtime.local.routing import route, unroute

# What the options are called when they are told: see Configuration.explain.
_SOURCE = "the harness"
_GRACE_S = 2.0


@dataclass(frozen=True, slots=True)
class ScriptResult:
    """What a script came to: the (key, value) of all outputs, by environment and list of inputs, and its failure as data.

    ``failure`` is None, or what an action's failure says of itself; for any other exception ``type, message, traceback``.
    """

    outputs: tuple[tuple[Any, Any], ...]
    failure: dict[str, Any] | None


def run_script(
    path: Path, arguments: Sequence[str], *, seed: int | None, deadline_s: float, events: Path, stdout: TextIO
) -> ScriptResult:
    """Run the script to its end. Event logs go to ``events``, unless it says otherwise itself; prints to ``stdout``.

    One that is not done in time fails with a TimeoutError, and is left behind on a daemon thread.
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

    route(AgentsExecutionEnvironment, make)
    thread = threading.Thread(target=run, name="script", daemon=True)
    thread.start()
    # An execution keeps the same time by itself, and tells more.
    thread.join(deadline_s + _GRACE_S)
    unroute(AgentsExecutionEnvironment)
    if thread.is_alive():
        message = f"the script {path.name} did not end within {deadline_s:g} s"
        failures.append({"type": "TimeoutError", "message": message, "traceback": ""})
    outputs = [item for environment in environments for output in environment.outputs() for item in output.items()]
    return ScriptResult(tuple(outputs), failures[0] if failures else None)


def _failures(path: Path, arguments: Sequence[str]) -> list[dict[str, Any]]:
    """Run it here and now; its failure, if any."""
    try:
        with _as_main(path, arguments):
            runpy.run_path(str(path), run_name="__main__")
    except ActionFailure as error:
        return [error.as_json()]
    except (Exception, SystemExit) as error:
        if not isinstance(error, SystemExit) or error.code not in (None, 0):
            return [_told(error)]
    return []


@contextlib.contextmanager
def _as_main(path: Path, arguments: Sequence[str]) -> Iterator[None]:
    """What ``python path arguments`` would find: its arguments, its directory to import from.

    Modules of that directory are forgotten afterwards: another script may have others of the same name.
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


def _told(error: BaseException) -> dict[str, Any]:
    return {
        "type": type(error).__name__,
        "message": str(error),
        "traceback": "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    }
