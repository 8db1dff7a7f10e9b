"""Upstream's execution environment on Flink, with the bundled engine.

    env = FlinkEnvironment(stream_environment)
    outputs = env.from_datastream(stream, key_selector).apply(MyAgent()).to_datastream()
    env.execute()

A job may hold several agents, also one after the other. Each has a unique operator uid,
``agent-<name>``, by which savepoints are mapped. The name is the argument of ``apply``, else the one
that ``load_yaml`` registered, else the agent's class.
"""

from __future__ import annotations

from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from flink_agents.api.agents.agent import Agent
from flink_agents.api.execution_environment import AgentBuilder, AgentsExecutionEnvironment
from pyflink.common import TypeInformation, Types
from pyflink.datastream import DataStream, KeyedStream, StreamExecutionEnvironment
from pyflink.table import Schema, StreamTableEnvironment, Table

from flink_agents_runtime.config.configuration import Configuration
from flink_agents_runtime.network import inherited_fields
from flink_agents_runtime.on_flink.evidence_log import logged
from flink_agents_runtime.on_flink.job import OPERATOR_NAME
from flink_agents_runtime.on_flink.limited_operator import with_limit
from flink_agents_runtime.on_flink.mode import require_streaming
from flink_agents_runtime.on_flink.stream_operator import StreamOperator, TextKey, TextKeyedOperator
from flink_agents_runtime.plan.build import registered_plan, require_executable
from flink_agents_runtime.plan.named_plan import NamedPlan
from flink_agents_runtime.stores.settings import check_store

# The names of the agents in the job of each StreamExecutionEnvironment.
_NAMES: WeakKeyDictionary[StreamExecutionEnvironment, list[str]] = WeakKeyDictionary()
_LOCAL_ONLY = (
    "lists belong to the local environment; call get_execution_environment() without a StreamExecutionEnvironment"
)


class FlinkEnvironment(AgentsExecutionEnvironment):
    """An environment that adds agents to the jobs of a StreamExecutionEnvironment.

    Options come from the file in FLINK_CONF_DIR (if that is set), from files loaded by
    :meth:`get_config`, and from the setters, which take precedence. They are shipped with the job:
    options set after ``to_datastream`` have no effect. Raises ConfigurationError if FLINK_CONF_DIR
    has no configuration file.
    """

    def __init__(self, env: StreamExecutionEnvironment, t_env: StreamTableEnvironment | None = None) -> None:
        super().__init__()
        self._env = env
        self._t_env = t_env
        self._config = Configuration()
        self._config.load_from_flink()
        # Two environments over one job share the names, because uids must differ within the job.
        self._names: list[str] = _NAMES.setdefault(env, []) if env is not None else []

    @property
    def t_env(self) -> StreamTableEnvironment:
        """The table environment, created on first use unless one was given."""
        if self._t_env is None:
            self._t_env = StreamTableEnvironment.create(self._env)
        return self._t_env

    def get_config(self, path: str | None = None) -> Configuration:
        """Return the configuration, with the ``agent:`` section of ``path`` added."""
        self._config.load_from_file(path)
        return self._config

    def from_datastream(self, input: DataStream, key_selector: Any = None) -> FlinkBuilder:  # noqa: A002 - upstream's name
        """Begin with a keyed stream, or key one by a function or KeySelector."""
        if not isinstance(input, KeyedStream):
            if key_selector is None:
                raise ValueError("a stream that is not keyed needs a key_selector")
            # By a text: PyFlink's process mode takes a key that equals the one before it, 1 and True for
            # example, for the same key, and would let them share their state.
            keyed = input.key_by(TextKey(key_selector), key_type=Types.STRING())
            return FlinkBuilder(self, keyed, TextKeyedOperator)
        return FlinkBuilder(self, input, StreamOperator)

    def from_table(self, input: Table, key_selector: Any = None) -> FlinkBuilder:  # noqa: A002 - upstream's name
        """Begin with an append-only table, whose rows ``key_selector`` gets."""
        rows = self.t_env.to_data_stream(input).map(_same, output_type=Types.PICKLED_BYTE_ARRAY())
        return self.from_datastream(rows, key_selector)

    def plan_of(self, agent: Agent | str) -> NamedPlan:
        """Return the plan of an agent, with this environment's resources and options."""
        plan = registered_plan(agent, self._agents, self.resources, self._config)
        require_executable(plan)
        check_store(plan.config)
        return logged(plan)

    def name_for(self, agent: Agent | str) -> str:
        """Return a unique name: the second agent of a class is ``Name-2``."""
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
        """Raise NotImplementedError: lists belong to the local environment."""
        raise NotImplementedError(_LOCAL_ONLY)


class FlinkBuilder(AgentBuilder):
    """A builder that sets the agent of one keyed stream."""

    def __init__(self, environment: FlinkEnvironment, keyed: KeyedStream, operator: type[StreamOperator]) -> None:
        self._environment = environment
        self._keyed = keyed
        self._operator = operator
        self._plan: NamedPlan | None = None
        self._name = ""
        self._outputs: DataStream | None = None

    def apply(self, agent: Agent | str, name: str = "") -> FlinkBuilder:
        """Set the agent, or the name of a loaded one. Raises PlanError.

        ``name`` is part of the operator's uid and its metrics, and must be unique in the job.
        """
        if self._plan is not None:
            raise RuntimeError("a stream takes one agent; pass its outputs to from_datastream for another one")
        self._plan = self._environment.plan_of(agent)
        self._name = name or self._environment.name_for(agent)
        self._operator_name = name or OPERATOR_NAME
        return self

    def to_datastream(self, output_type: TypeInformation | None = None) -> DataStream:
        """Return the stream of outputs, as Python values unless a type is given."""
        if self._plan is None:
            raise RuntimeError("the stream has no agent; call apply(agent) before to_datastream or to_table")
        self._environment.require_streaming()
        if self._outputs is None:
            operator = self._operator(self._plan.model_dump_json(serialize_as_any=True), self._name)
            limited = with_limit(operator, inherited_fields())
            outputs = self._keyed.process(limited, output_type=output_type)
            self._outputs = outputs.name(self._operator_name).uid(f"agent-{self._name}")
        return self._outputs

    def to_table(self, schema: Schema, output_type: TypeInformation) -> Table:
        """Return the outputs as a table; the agent sends rows of ``output_type``."""
        return self._environment.t_env.from_data_stream(self.to_datastream(output_type), schema)

    def to_list(self) -> NoReturn:
        """Raise NotImplementedError: lists belong to the local environment."""
        raise NotImplementedError(_LOCAL_ONLY)


def _same(row: Any) -> Any:
    return row
