"""Upstream's execution environment on Flink, with the bundled engine: streams and tables in, streams and tables out.

    env = FlinkEnvironment(stream_environment)
    outputs = env.from_datastream(stream, key_selector).apply(MyAgent()).to_datastream()
    env.execute()

One job may hold several agents, also one after the other. Each has an operator uid of its own, ``agent-<name>``, so
that savepoints map: the name is what ``load_yaml`` registered, else the agent's class, or what ``apply`` was told.
"""

from __future__ import annotations

from typing import Any, NoReturn

from flink_agents.api.agents.agent import Agent
from flink_agents.api.execution_environment import AgentBuilder, AgentsExecutionEnvironment
from pyflink.common import TypeInformation, Types
from pyflink.datastream import DataStream, KeyedStream, StreamExecutionEnvironment
from pyflink.table import Schema, StreamTableEnvironment, Table

from flink_agents_runtime.config.configuration import Configuration
from flink_agents_runtime.on_flink.job import OPERATOR_NAME
from flink_agents_runtime.on_flink.mode import require_streaming
from flink_agents_runtime.on_flink.stream_operator import StreamOperator
from flink_agents_runtime.plan.build import registered_plan
from flink_agents_runtime.plan.named_plan import NamedPlan
from flink_agents_runtime.stores.settings import check_store

_LOCAL_ONLY = (
    "lists are for the environment without Flink: get_execution_environment() without a StreamExecutionEnvironment"
)


class FlinkEnvironment(AgentsExecutionEnvironment):
    """Puts agents into the jobs of a StreamExecutionEnvironment.

    Options are those of the file in FLINK_CONF_DIR, where that is set, of files loaded by :meth:`get_config`, and those set
    by hand, which win. They travel with the job: what is set after ``to_datastream`` comes too late. Raises
    ConfigurationError where FLINK_CONF_DIR leads to no file.
    """

    def __init__(self, env: StreamExecutionEnvironment, t_env: StreamTableEnvironment | None = None) -> None:
        super().__init__()
        self._env = env
        self._t_env = t_env
        self._config = Configuration()
        self._config.load_from_flink()
        self._names: list[str] = []

    @property
    def t_env(self) -> StreamTableEnvironment:
        """The table environment, made where none was given."""
        if self._t_env is None:
            self._t_env = StreamTableEnvironment.create(self._env)
        return self._t_env

    def get_config(self, path: str | None = None) -> Configuration:
        """The configuration; what the ``agent:`` section of the YAML file at ``path`` holds is added to it."""
        self._config.load_from_file(path)
        return self._config

    def from_datastream(self, input: DataStream, key_selector: Any = None) -> FlinkBuilder:  # noqa: A002 - upstream's name
        """Begin with a stream: keyed already, or keyed now by a function or KeySelector."""
        if not isinstance(input, KeyedStream):
            if key_selector is None:
                raise ValueError("a stream that is not keyed needs a key_selector")
            input = input.key_by(key_selector)  # noqa: A001 - as above
        return FlinkBuilder(self, input)

    def from_table(self, input: Table, key_selector: Any = None) -> FlinkBuilder:  # noqa: A002 - upstream's name
        """Begin with a table of appended rows; ``key_selector`` gets each as a Row."""
        rows = self.t_env.to_data_stream(input).map(_same, output_type=Types.PICKLED_BYTE_ARRAY())
        return self.from_datastream(rows, key_selector)

    def plan_of(self, agent: Agent | str) -> NamedPlan:
        """The plan of an agent, or of one that was loaded by name, with this environment's resources and options."""
        plan = registered_plan(agent, self._agents, self.resources, self._config)
        check_store(plan.config)
        return plan

    def name_for(self, agent: Agent | str) -> str:
        """A name that no agent of the job has yet: a second agent of one class is ``Name-2``."""
        name = agent if isinstance(agent, str) else type(agent).__name__
        count = self._names.count(name)
        self._names.append(name)
        return f"{name}-{count + 1}" if count else name

    def require_streaming(self) -> None:
        """Raise :class:`PlanError` for a job in another mode than STREAMING."""
        require_streaming(self._env)

    def execute(self, job_name: str | None = None) -> None:
        """Run the job of the StreamExecutionEnvironment."""
        self.require_streaming()
        self._env.execute(job_name)

    def from_list(self, input: Any) -> NoReturn:  # noqa: A002 - upstream's name
        """Not here."""
        raise NotImplementedError(_LOCAL_ONLY)


class FlinkBuilder(AgentBuilder):
    """The agent and the outputs of one keyed stream."""

    def __init__(self, environment: FlinkEnvironment, keyed: KeyedStream) -> None:
        self._environment = environment
        self._keyed = keyed
        self._plan: NamedPlan | None = None
        self._name = ""
        self._outputs: DataStream | None = None

    def apply(self, agent: Agent | str, name: str = "") -> FlinkBuilder:
        """Set the agent: an object, or the name of one that ``load_yaml`` registered. Raises PlanError.

        ``name`` is for its operator, whose metrics and uid carry it; it has to be unlike those of the job's other agents.
        """
        if self._plan is not None:
            raise RuntimeError("this stream has an agent; give its outputs to from_datastream for another one")
        self._plan = self._environment.plan_of(agent)
        self._name = name or self._environment.name_for(agent)
        self._operator_name = name or OPERATOR_NAME
        return self

    def to_datastream(self, output_type: TypeInformation | None = None) -> DataStream:
        """The outputs, as Python values where no type is given. The same stream whenever it is asked for."""
        if self._plan is None:
            raise RuntimeError("there is no agent; call apply(agent) before to_datastream or to_table")
        self._environment.require_streaming()
        if self._outputs is None:
            operator = StreamOperator(self._plan.model_dump_json(serialize_as_any=True), self._name)
            outputs = self._keyed.process(operator, output_type=output_type)
            self._outputs = outputs.name(self._operator_name).uid(f"agent-{self._name}")
        return self._outputs

    def to_table(self, schema: Schema, output_type: TypeInformation) -> Table:
        """The outputs as a table; the agent sends rows of ``output_type``."""
        return self._environment.t_env.from_data_stream(self.to_datastream(output_type), schema)

    def to_list(self) -> NoReturn:
        """Not here."""
        raise NotImplementedError(_LOCAL_ONLY)


def _same(row: Any) -> Any:
    return row
