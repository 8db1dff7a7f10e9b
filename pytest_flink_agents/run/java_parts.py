"""Java for the Java parts of an agent that the bundled engine runs.

Nothing is known of an agent's parts before its plan is built. So the first request names no Java; a
plan with Java parts is refused, and asked again with the Java of the test environment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flink_agents_runtime.config.catalogue import JAVA_CLASS_PATH, JAVA_HOME
from flink_agents_runtime.config.options import flat
from flink_testbed.core.problem import Problem
from flink_testbed.responder import RefusedError
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.subject import AgentRefusedError

# The kind of refusal by a process that needs Java.
_NEEDS_JAVA = "java"


def asked_with_java(
    ask: Callable[[Mapping[str, Any]], dict[str, Any]],
    config: Mapping[str, Any],
    environment: TestEnvironment,
    *,
    shares_files: bool = True,
) -> dict[str, Any]:
    """Return the reply to a request with an agent's options, which name Java if the agent needs it.

    ``shares_files`` is False if the agent runs where the files of this machine are not. Raises
    ``AgentRefusedError`` FA220 for a jar that does not exist, and there.
    """
    try:
        return ask(config)
    except RefusedError as error:
        if error.kind != _NEEDS_JAVA or JAVA_HOME in dict(flat(config)):
            raise
        if not shares_files:
            raise AgentRefusedError(_elsewhere(error.message)) from error
    return ask(dict(flat(config)) | _java_options(dict(flat(config)), environment))


def _java_options(given: Mapping[str, Any], environment: TestEnvironment) -> dict[str, Any]:
    jars = [environment.settings.root / jar for jar in given.get(JAVA_CLASS_PATH) or ()]
    for jar in jars:
        if not jar.exists():
            raise AgentRefusedError(_no_jar(jar))
    class_path = [str(jar) for jar in (*jars, *environment.java_bridge)]
    return {JAVA_HOME: str(environment.java.home), JAVA_CLASS_PATH: class_path}


def _no_jar(jar: Path) -> Problem:
    return Problem(
        "FA220",
        f"a jar of the option {JAVA_CLASS_PATH} does not exist",
        seen=str(jar),
        next_step="build it, or correct its path, which is relative to the project's root",
    )


def _elsewhere(parts: str) -> Problem:
    return Problem(
        "FA220",
        f"{parts}; the bundled engine runs them on the tiers local and embedded",
        expected="tiers: [local, embedded], or upstream's engine",
        next_step="add tiers to the scenario, or use --flink-engine=upstream with a flink-agents that holds its jars",
    )
