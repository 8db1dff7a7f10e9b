"""Upstream's execution environment, without Flink: a script written for its local one changes by one import.

    env = LocalEnvironment()
    outputs = env.from_list([{"key": "a", "value": 1}]).apply(MyAgent()).to_list()
    env.execute()

What differs from upstream's local environment follows Flink: events and outputs are JSON values, keys interleave.
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
from flink_agents_runtime.observe.event_log import event_log
from flink_agents_runtime.plan.build import registered_plan
from flink_agents_runtime.plan.named_plan import NamedPlan

_FLINK_ONLY = "the local environment takes and gives lists; pass a StreamExecutionEnvironment to work with Flink"


def _tell(line: str) -> None:
    sys.stderr.write(f"flink-agents, local: {line}\n")


@dataclass(slots=True)
class _Pipeline:
    """Inputs, the plan that runs over them, and the list its outputs go to."""

    inputs: Iterable[Mapping[str, Any]]
    plan: NamedPlan | None = None
    outputs: list[dict[Any, Any]] = field(default_factory=list)

    def take(self, output: Output) -> None:
        """Keep an output."""
        self.outputs.append({output.key: output.value})


class LocalEnvironment(AgentsExecutionEnvironment):
    """Runs agents over lists in this process. Environments share nothing; each can be executed once.

    Options are those of the file in FLINK_CONF_DIR, where that is set, of files loaded by :meth:`get_config`, and those set
    by hand, which win. ``deadline_s`` is the time for one pipeline, for ever by default. ``seed`` draws the interleaving
    of keys. With the option ``baseLogDir`` an event log is written there. Raises ConfigurationError where FLINK_CONF_DIR
    leads to no file. An execution that takes long tells now and then on standard error how far it is, unless ``quiet``.
    """

    def __init__(self, *, seed: int | None = None, deadline_s: float | None = None, quiet: bool = False) -> None:
        super().__init__()
        self._progress = None if quiet else _tell
        self._seed = seed
        self._deadline_s = deadline_s
        self._config = Configuration()
        self._config.load_from_flink()
        self._pipelines: list[_Pipeline] = []
        self._tool_requests: list[ToolRequestEvent] = []
        self._executed = False

    def get_config(self, path: str | None = None) -> Configuration:
        """The configuration; what the ``agent:`` section of the YAML file at ``path`` holds is added to it."""
        self._config.load_from_file(path)
        return self._config

    def from_list(self, input: Iterable[Mapping[str, Any]]) -> LocalBuilder:  # noqa: A002 - upstream's name
        """Begin a pipeline over ``{"key", "value"}`` records: a list, or any iterable, read as the execution goes on."""
        pipeline = _Pipeline(input)
        self._pipelines.append(pipeline)
        return LocalBuilder(self, pipeline)

    def plan_of(self, agent: Agent | str) -> NamedPlan:
        """The plan of an agent, or of one that was loaded by name, with this environment's resources and options."""
        return registered_plan(agent, self._agents, self.resources, self._config)

    def execute(self, job_name: str | None = None) -> None:
        """Run all pipelines to their end. Outputs so far stay whatever happens.

        Raises ActionFailure for the first action that fails, TimeoutError for a pipeline that is not done in time.
        """
        if self._executed:
            raise RuntimeError("this environment was executed before; make another one")
        self._executed = True
        for index, pipeline in enumerate(self._pipelines):
            if pipeline.plan is None:
                raise RuntimeError("a list of inputs has no agent; call apply(agent) on what from_list returned")
            log = event_log(self._config, f"{job_name or 'local'}-{index}")
            host = LocalHost(pipeline.plan, seed=self._seed, event_log=log, observers=[self])
            result = host.run(
                pipeline.inputs,
                deadline_s=self._deadline_s,
                on_output=pipeline.take,
                progress=self._progress,
            )
            if result.failure is not None:
                raise result.failure
            if result.unfinished:
                raise TimeoutError(
                    f"agent {pipeline.plan.agent_name!r} is not done after {self._deadline_s} s, "
                    f"still at {', '.join(map(str, result.unfinished))}"
                )

    def outputs(self) -> list[dict[Any, Any]]:
        """The outputs of all lists of inputs so far, list after list."""
        return [output for pipeline in self._pipelines for output in pipeline.outputs]

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """As the engine's observer: keep the tool requests."""
        if event_type == ToolRequestEvent.EVENT_TYPE:
            self._tool_requests.append(ToolRequestEvent.from_event(Event.from_json(event)))

    def get_tool_request_events(self) -> list[ToolRequestEvent]:
        """The tool requests of the execution, in the order they were processed."""
        return self._tool_requests

    def from_datastream(self, input: Any, key_selector: Any = None) -> NoReturn:  # noqa: A002 - upstream's name
        """Not here."""
        raise NotImplementedError(_FLINK_ONLY)

    def from_table(self, input: Any, key_selector: Any = None) -> NoReturn:  # noqa: A002 - upstream's name
        """Not here."""
        raise NotImplementedError(_FLINK_ONLY)


class LocalBuilder(AgentBuilder):
    """The agent and the outputs of one list of inputs."""

    def __init__(self, environment: LocalEnvironment, pipeline: _Pipeline) -> None:
        self._environment = environment
        self._pipeline = pipeline

    def apply(self, agent: Agent | str) -> LocalBuilder:
        """Set the agent: an object, or the name of one that ``load_yaml`` registered. Raises PlanError."""
        if self._pipeline.plan is not None:
            raise RuntimeError("this list of inputs has an agent; begin another pipeline with from_list")
        self._pipeline.plan = self._environment.plan_of(agent)
        return self

    def to_list(self) -> list[dict[Any, Any]]:
        """The list that ``execute`` fills with ``{key: output}``, in the order of emission."""
        return self._pipeline.outputs

    def to_datastream(self) -> NoReturn:
        """Not here."""
        raise NotImplementedError(_FLINK_ONLY)

    def to_table(self, schema: Any, output_type: Any) -> NoReturn:
        """Not here."""
        raise NotImplementedError(_FLINK_ONLY)
