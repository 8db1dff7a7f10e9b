"""Plans and configurations as upstream's classes read them in Java and in Python: ``cross_language`` of a test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flink_testbed.responder import RefusedError
from pytest_flink_agents.plan import PlanDifference, plan_differences
from pytest_flink_agents.plan.differences import value_differences
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.run.launch import refused

# Reading a plan imports the agent's module, or loads its class.
_ANSWER_S = 60.0


@dataclass(frozen=True, slots=True)
class OptionReadings:
    """The options below ``agent:`` of one ``config.yaml``, as each language reads them.

    Each has ``data``, the options of the file by dotted key, and ``declared``, the values of the options
    that Java declares; a value that cannot be read is the text of its error.
    """

    java: Mapping[str, Any]
    python: Mapping[str, Any]

    @property
    def differences(self) -> tuple[PlanDifference, ...]:
        """The differences of Python's reading (``seen``) from Java's (``expected``).

        A value that neither can read is none.
        """
        found = value_differences(self.java, self.python)
        return tuple(each for each in found if not (_is_error(each.expected) and _is_error(each.seen)))


def _is_error(value: Any) -> bool:
    return isinstance(value, str) and value.startswith("error: ")


class CrossLanguage:
    """Upstream's classes of both languages, in one process of the job environment.

    Plans are JSON objects. Every method raises ``AgentRefusedError`` FA220 if a language cannot build or
    read a plan, and says why.
    """

    def __init__(self, environment: TestEnvironment) -> None:
        self._environment = environment

    def python_plan(self, agent: str, **config: Any) -> dict[str, Any]:
        """Return the plan of the Python agent ``module:Class``, as Python writes it."""
        return self._plan("python_plan", agent_spec={"agent": agent}, config=config)

    def java_plan(self, jar: Path, class_name: str, **config: Any) -> dict[str, Any]:
        """Return the plan of the Java agent of a jar, as Java writes it."""
        return self._plan("java_plan", **{"class": class_name}, config=config, jars=[str(jar)])

    def through_java(self, plan: Mapping[str, Any], jar: Path | None = None) -> dict[str, Any]:
        """Return the plan after Java has read and written it. ``jar`` has the Java functions that it names."""
        return self._plan("through_java", plan=json.dumps(plan), jars=[str(jar)] if jar else [])

    def through_python(self, plan: Mapping[str, Any]) -> dict[str, Any]:
        """Return the plan after Python has read and written it."""
        return self._plan("through_python", plan=json.dumps(plan))

    def java_differences(self, plan: Mapping[str, Any], jar: Path | None = None) -> tuple[PlanDifference, ...]:
        """Return what Java changes or loses of a plan, with JSON paths."""
        return plan_differences(plan, self.through_java(plan, jar))

    def python_differences(self, plan: Mapping[str, Any]) -> tuple[PlanDifference, ...]:
        """Return what Python changes or loses of a plan, with JSON paths."""
        return plan_differences(plan, self.through_python(plan))

    def options(self, directory: Path) -> OptionReadings:
        """Return the options of the ``config.yaml`` in a directory as each language reads them."""
        return OptionReadings(**self._request("options", directory=str(directory)))

    def _plan(self, op: str, **fields: Any) -> dict[str, Any]:
        return dict(json.loads(self._request(op, **fields)["plan"]))

    def _request(self, op: str, **fields: Any) -> dict[str, Any]:
        try:
            return self._environment.languages().request(op, timeout_s=_ANSWER_S, **fields)
        except RefusedError as error:
            raise refused(error) from None
