"""Upstream's execution environment without Flink.

A script written for upstream's local environment changes by one import:

    env = LocalEnvironment()
    outputs = env.from_list([{"key": "a", "value": 1}]).apply(MyAgent()).to_list()
    env.execute()

Differences from upstream's local environment follow Flink: events and outputs are JSON values, and
keys interleave.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from flink_agents.api.agents.agent import Agent
from flink_agents.api.events.event import Event
from flink_agents.api.events.tool_event import ToolRequestEvent
from flink_agents.api.execution_environment import AgentBuilder, AgentsExecutionEnvironment

from flink_agents_runtime.config.configuration import Configuration
from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.local.loop import Output
from flink_agents_runtime.observe.logs import logs_of
from flink_agents_runtime.plan.build import registered_plan
from flink_agents_runtime.plan.named_plan import NamedPlan

_FLINK_ONLY = (
    "the local environment reads and returns lists; pass a StreamExecutionEnvironment to get_execution_environment() "
    "for streams and tables"
)


def _report(line: str) -> None:
    sys.stderr.write(f"flink-agents, local: {line}\n")


@dataclass(slots=True)
class _Pipeline:
    """A list of inputs with its plan and its outputs."""

    inputs: Iterable[Mapping[str, Any]]
    plan: NamedPlan | None = None
    outputs: list[dict[Any, Any]] = field(default_factory=list)

    def take(self, output: Output) -> None:
        """Append an output."""
        self.outputs.append({output.key: output.value})


class LocalEnvironment(AgentsExecutionEnvironment):
    """An environment that runs agents over lists in this process.

    Environments share no state; each can be executed once. Options come from the file in
    FLINK_CONF_DIR (if that is set), from files loaded by :meth:`get_config`, and from the setters,
    which take precedence. ``deadline_s`` limits the time for one pipeline. ``seed`` draws the
    interleaving of keys. The option ``baseLogDir`` turns the event log on. A long execution reports
    its progress on standard error unless ``quiet``. Raises ConfigurationError if FLINK_CONF_DIR has
    no configuration file.
    """

    def __init__(self, *, seed: int | None = None, deadline_s: float | None = None, quiet: bool = False) -> None:
        super().__init__()
        self._progress = None if quiet else _report
        self._seed = seed
        self._deadline_s = deadline_s
        self._config = Configuration()
        self._config.load_from_flink()
        self._pipelines: list[_Pipeline] = []
        self._tool_requests: list[ToolRequestEvent] = []
        self._executed = False

    def get_config(self, path: str | None = None) -> Configuration:
        """Return the configuration, with the ``agent:`` section of ``path`` added."""
        self._config.load_from_file(path)
        return self._config

    def from_list(self, input: Iterable[Mapping[str, Any]]) -> LocalBuilder:  # noqa: A002 - upstream's name
        """Begin a pipeline over ``{"key", "value"}`` records, a list or any iterable."""
        pipeline = _Pipeline(input)
        self._pipelines.append(pipeline)
        return LocalBuilder(self, pipeline)

    def plan_of(self, agent: Agent | str) -> NamedPlan:
        """Return the plan of an agent, with this environment's resources and options."""
        return registered_plan(agent, self._agents, self.resources, self._config)

    def execute(self, job_name: str | None = None) -> None:
        """Run all pipelines to their end.

        Outputs up to a failure are kept. Raises ActionFailure for the first action that fails, and
        TimeoutError for a pipeline that misses its deadline.
        """
        if self._executed:
            raise RuntimeError("an environment can be executed once; create another one")
        self._executed = True
        for index, pipeline in enumerate(self._pipelines):
            if pipeline.plan is None:
                raise RuntimeError("a list of inputs has no agent; call apply(agent) on the result of from_list")
            logs = logs_of(self._config, f"{job_name or 'local'}-{index}", pipeline.plan.agent_name)
            host = LocalHost(pipeline.plan, seed=self._seed, event_log=logs, observers=[self])
            result = host.run(
                _with_hashable_keys(pipeline.inputs),
                deadline_s=self._deadline_s,
                on_output=pipeline.take,
                progress=self._progress,
            )
            if result.failure is not None:
                raise result.failure
            if result.unfinished:
                raise TimeoutError(
                    f"agent {pipeline.plan.agent_name!r} did not finish within {self._deadline_s} s; "
                    f"unfinished: {', '.join(map(str, result.unfinished))}"
                )

    def outputs(self) -> list[dict[Any, Any]]:
        """Return the outputs of all pipelines so far, pipeline after pipeline."""
        return [output for pipeline in self._pipelines for output in pipeline.outputs]

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """Keep tool requests; called by the engine for each event."""
        if event_type == ToolRequestEvent.EVENT_TYPE:
            self._tool_requests.append(ToolRequestEvent.from_event(Event.from_json(event)))

    def get_tool_request_events(self) -> list[ToolRequestEvent]:
        """Return the tool requests of the execution in the order of processing."""
        return self._tool_requests

    def from_datastream(self, input: Any, key_selector: Any = None) -> NoReturn:  # noqa: A002 - upstream's name
        """Raise NotImplementedError: streams and tables need Flink."""
        raise NotImplementedError(_FLINK_ONLY)

    def from_table(self, input: Any, key_selector: Any = None) -> NoReturn:  # noqa: A002 - upstream's name
        """Raise NotImplementedError: streams and tables need Flink."""
        raise NotImplementedError(_FLINK_ONLY)


def _with_hashable_keys(inputs: Iterable[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Pass inputs on, and refuse unhashable keys.

    Raises TypeError before any action runs: the failure would be an action's otherwise.
    """
    for number, record in enumerate(inputs):
        key = record.get("key", record.get("k"))
        try:
            hash(key)
        except TypeError:
            raise TypeError(
                f"input {number} has the unhashable key {key!r}, but outputs are returned as {{key: output}}; "
                "use a str, a number or a tuple"
            ) from None
        yield record


class LocalBuilder(AgentBuilder):
    """A builder that sets the agent of one list of inputs."""

    def __init__(self, environment: LocalEnvironment, pipeline: _Pipeline) -> None:
        self._environment = environment
        self._pipeline = pipeline

    def apply(self, agent: Agent | str) -> LocalBuilder:
        """Set the agent, or the name of a loaded one. Raises PlanError."""
        if self._pipeline.plan is not None:
            raise RuntimeError("a list of inputs takes one agent; begin another pipeline with from_list")
        self._pipeline.plan = self._environment.plan_of(agent)
        return self

    def to_list(self) -> list[dict[Any, Any]]:
        """Return the list that ``execute`` fills with ``{key: output}``."""
        return self._pipeline.outputs

    def to_datastream(self) -> NoReturn:
        """Raise NotImplementedError: streams and tables need Flink."""
        raise NotImplementedError(_FLINK_ONLY)

    def to_table(self, schema: Any, output_type: Any) -> NoReturn:
        """Raise NotImplementedError: streams and tables need Flink."""
        raise NotImplementedError(_FLINK_ONLY)
