"""The parts of an engine that all keys of one host share.

A module of its own, below the run loop and the context, because both need these parts and neither
may know the engine that creates them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Protocol

from flink_agents.api.memory.long_term_memory import BaseLongTermMemory, LongTermMemoryOptions
from flink_agents.api.runner_context import RunnerContext
from flink_agents.plan.actions.action import Action
from flink_agents.plan.function import PythonFunction

from flink_agents_runtime.config.catalogue import RUN_EVENTS, TOOL_ROUNDS
from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.expiry import expiry_of
from flink_agents_runtime.engine.metrics import AgentMetrics, MemoryMetricGroup
from flink_agents_runtime.engine.resources import Resources
from flink_agents_runtime.java.parts import JavaParts
from flink_agents_runtime.plan.listeners import listeners_of
from flink_agents_runtime.plan.named_plan import NamedPlan

_MEM0 = (
    LongTermMemoryOptions.Mem0.CHAT_MODEL_SETUP,
    LongTermMemoryOptions.Mem0.EMBEDDING_MODEL_SETUP,
    LongTermMemoryOptions.Mem0.VECTOR_STORE,
)


class Observer(Protocol):
    """An observer of events, called before an event's actions are queued."""

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """Take note of one event, given as JSON text."""


class SharedParts:
    """Plan, resources, metrics, observers and executor of one agent on one host.

    Raises :class:`PlanError` for a Java part that cannot be used, and NoJavaError if there is no Java for it.
    """

    def __init__(
        self,
        plan: NamedPlan,
        *,
        executor: Executor,
        observers: Sequence[Observer],
        metrics: MemoryMetricGroup,
        job_id: str,
        is_done: Callable[[Future[Any]], bool],
        now_ms: Callable[[], int],
    ) -> None:
        self.plan = plan
        self.executor = executor
        self.observers = tuple(observers)
        # Names of the actions that listen to an event type, in the plan's order.
        self.listeners: Mapping[str, Sequence[str]] = listeners_of(plan)
        self.java = JavaParts(plan)
        self.functions = {name: _function(action, self.java) for name, action in plan.actions.items()}
        self.metrics = AgentMetrics(metrics, plan.actions)
        self.is_done = is_done
        # How often a model may ask for tools within one run; 0 means no limit.
        self.max_tool_rounds: int = option(plan.config, TOOL_ROUNDS)
        # The number of events other than outputs that one run may have; 0 means no limit.
        self.max_run_events: int = option(plan.config, RUN_EVENTS)
        # None if short-term memory does not expire.
        self.expiry = expiry_of(plan.config, now_ms)
        # Whether outputs keep rows in the JSON form of events; a host that emits Rows sets it.
        self.keep_rows = False
        # Whether the time stamp of an input is its number; a host of streams with times of their own clears it.
        self.inputs_have_numbers = True
        # Number of finished runs, over all keys.
        self.runs_ended = 0
        self.resources = Resources(plan, self.java)
        self._job_id = plan.config.get_str("job-identifier", job_id)
        # The context of the action that is being stepped, None between two steps.
        self.stepping: Any = None
        self._long_term_memory: Any = None
        # Last: a part that fails leaves no JVM behind.
        self.java.start()

    def long_term_memory(self, context: RunnerContext, key: Any) -> BaseLongTermMemory:
        """Return upstream's Mem0 memory as a view of one key.

        Each caller gets a copy: the object keeps the current key in itself, so an action that awaits
        would otherwise continue with the key of the action that ran in between. Raises RuntimeError
        if the memory is not configured.
        """
        if self._long_term_memory is None:
            self._long_term_memory = self._open_long_term_memory(context)
        self._long_term_memory.switch_context(str(key))
        view: BaseLongTermMemory = self._long_term_memory.model_copy()
        return view

    def _open_long_term_memory(self, context: RunnerContext) -> BaseLongTermMemory:
        chat_model, embedding_model, vector_store = (self.plan.config.get(option) for option in _MEM0)
        missing = [option.get_key() for option in _MEM0 if self.plan.config.get(option) is None]
        if missing:
            options = ", ".join(option.get_key() for option in _MEM0)
            raise RuntimeError(
                f"long-term memory is not configured: set all three options {options}; missing: {', '.join(missing)}"
            )
        from flink_agents.runtime.memory.mem0.mem0_long_term_memory import Mem0LongTermMemory

        return Mem0LongTermMemory(
            ctx=context,
            job_id=self._job_id,
            chat_model_name=chat_model,
            embedding_model_name=embedding_model,
            vector_store_name=vector_store,
        )

    def close(self) -> None:
        """Close long-term memory and the resources, and end the JVM."""
        try:
            if self._long_term_memory is not None:
                self._long_term_memory.close()
        finally:
            try:
                self.resources.close()
            finally:
                self.java.close()


def _function(action: Action, java: JavaParts) -> Callable[..., Any]:
    if not isinstance(action.exec, PythonFunction):
        return java.action(action)
    function: Callable[..., Any] = action.exec.as_callable()
    return function
