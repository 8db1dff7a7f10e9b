"""What all keys of one host share: the plan, its resources, metrics, observers and the executor of async calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any, Protocol

from flink_agents.api.memory.long_term_memory import BaseLongTermMemory, LongTermMemoryOptions
from flink_agents.plan.actions.action import Action
from flink_agents.plan.function import PythonFunction

from flink_agents_runtime.config.catalogue import TOOL_ROUNDS
from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.engine.action_store import ActionStateStore
from flink_agents_runtime.engine.context import ActionContext
from flink_agents_runtime.engine.expiry import expiry_of, wall_ms
from flink_agents_runtime.engine.metrics import AgentMetrics, MemoryMetricGroup
from flink_agents_runtime.engine.recorded import RecordedRun
from flink_agents_runtime.engine.resources import Resources
from flink_agents_runtime.engine.run import Emit, KeyRun
from flink_agents_runtime.engine.state import KeyState
from flink_agents_runtime.plan.agent_reference import PlanError
from flink_agents_runtime.plan.build import require_supported
from flink_agents_runtime.plan.named_plan import NamedPlan

_MEM0 = (
    LongTermMemoryOptions.Mem0.CHAT_MODEL_SETUP,
    LongTermMemoryOptions.Mem0.EMBEDDING_MODEL_SETUP,
    LongTermMemoryOptions.Mem0.VECTOR_STORE,
)


class Observer(Protocol):
    """Sees each event when it is processed, before the actions it triggers are queued."""

    def event_processed(self, key: Any, event_type: str, event: str) -> None:
        """``event`` is the event as JSON text."""


class Engine:
    """Runs one agent's actions. Give each key a :class:`KeyRun` with :meth:`run_for`; never step two at the same time.

    ``executor`` runs asynchronous durable calls and belongs to the host. ``metrics`` is the group below which the
    agent's metrics are made, by default one in memory. ``job_id`` scopes long-term memory unless the option
    ``job-identifier`` does. ``is_done`` says which async calls may be looked at as ended: a host that wants one order
    of things whatever the timing holds back those whose turn has not come. ``now_ms`` is the clock of memory that expires.
    ``store``, rebuilt, keeps what actions come to for the next attempt, and has what the last one left.

    Raises :class:`PlanError` for what it cannot run: Java actions, options that it would have to pass over.
    """

    def __init__(
        self,
        plan: NamedPlan,
        *,
        executor: Executor,
        observers: Sequence[Observer] = (),
        metrics: MemoryMetricGroup | None = None,
        job_id: str = "local",
        is_done: Callable[[Future[Any]], bool] = Future.done,
        now_ms: Callable[[], int] = wall_ms,
        store: ActionStateStore | None = None,
    ) -> None:
        require_supported(plan.config.conf_data)
        self.plan = plan
        self.executor = executor
        self.observers = tuple(observers)
        # The names of the actions that listen to an event type, in the plan's order.
        self.listeners: Mapping[str, Sequence[str]] = plan.actions_by_event
        self.functions = {name: _function(action) for name, action in plan.actions.items()}
        self.metrics = AgentMetrics(metrics if metrics is not None else MemoryMetricGroup(), plan.actions)
        self.is_done = is_done
        # How often a model may ask for tools in one run, 0 for as often as it likes.
        self.most_tool_rounds: int = option(plan.config, TOOL_ROUNDS)
        # None where short-term memory does not expire.
        self.expiry = expiry_of(plan.config, now_ms)
        # How many runs of inputs have ended, of all keys.
        self.runs_ended = 0
        self._store = store
        self.resources = Resources(plan)
        self._job_id = plan.config.get_str("job-identifier", job_id)
        self._long_term_memory: Any = None

    def run_for(self, key: Any, state: KeyState, emit: Emit) -> KeyRun:
        """The live side of one key's state. ``emit(value, timestamp)`` is called with each output, in order."""
        if self.expiry is None:
            state.touched.clear()
        if self._store is not None:
            return RecordedRun(self, key, state, emit, self._store)
        return KeyRun(self, key, state, emit)

    def long_term_memory(self, context: ActionContext) -> BaseLongTermMemory:
        """Upstream's Mem0 memory, made at its first use, as a view of the context's key.

        A view of its own, because an action that awaits would otherwise go on with the key of whoever came between.
        """
        if self._long_term_memory is None:
            self._long_term_memory = self._open_long_term_memory(context)
        self._long_term_memory.switch_context(str(context.key))
        view: BaseLongTermMemory = self._long_term_memory.model_copy()
        return view

    def _open_long_term_memory(self, context: ActionContext) -> BaseLongTermMemory:
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
        """Close the resources."""
        try:
            if self._long_term_memory is not None:
                self._long_term_memory.close()
        finally:
            self.resources.close()


def _function(action: Action) -> Callable[..., Any]:
    if not isinstance(action.exec, PythonFunction):
        raise PlanError(
            f"action {action.name!r} is a Java function",
            expected="Python actions only",
            seen=f"{type(action.exec).__name__} {action.exec.qualname}",
            next_step="run this agent with the upstream engine",
        )
    function: Callable[..., Any] = action.exec.as_callable()
    return function
