"""The Java parts of one plan, and the JVM that runs them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from threading import RLock
from typing import Any

from flink_agents.plan.actions.action import Action
from flink_agents.plan.function import JavaFunction
from flink_agents.plan.resource_provider import JavaResourceProvider
from flink_agents.plan.tools.function_tool import FunctionTool

from flink_agents_runtime.config.catalogue import JAVA_CALL_MS, JAVA_CLASS_PATH, JAVA_HOME
from flink_agents_runtime.config.configuration import option
from flink_agents_runtime.java.actions import answer, event_fields
from flink_agents_runtime.java.errors import JavaError, JavaPartError, JavaTimeoutError, NoJavaError
from flink_agents_runtime.java.jvm import Answers, JavaSetup, Jvm
from flink_agents_runtime.java.resources import GetResource, JavaAdapter
from flink_agents_runtime.network import NetworkLimit, limit_here
from flink_agents_runtime.plan.agent_reference import PlanError
from flink_agents_runtime.plan.named_plan import NamedPlan

_MAX_NAMED = 5
_WATCH_S = 0.5


class JavaParts:
    """The Java functions and resources of a plan, and their JVM.

    Actions are looked for in :meth:`start`. A tool or another resource is looked for when it is used first,
    as in upstream's engine: an agent may have parts that a run does not need. So is the JVM started.
    """

    def __init__(self, plan: NamedPlan) -> None:
        self._plan = plan
        self._actions = {name: each.exec for name, each in plan.actions.items() if isinstance(each.exec, JavaFunction)}
        self._setup: JavaSetup | None = None
        self._limit: NetworkLimit | None = None
        self._jvm: Jvm | None = None
        self._closed = False
        self._task: Path | None = None
        self._lock = threading.Lock()

    def start(self) -> None:
        """Require the Java for the parts, if there are any.

        Raises :class:`NoJavaError` if the options name none, and :class:`PlanError` for an action that does
        not exist or fit.
        """
        named = [*(f"action {name}" for name in self._actions), *_resources_of(self._plan)]
        if not named:
            return
        self._setup = _setup(self._plan, named)
        self._limit = limit_here()
        self._task = _task_of_flink()
        try:
            for name, function in self._actions.items():
                self.call("check", _named(function), f"the Java action {name!r}")
        except (JavaPartError, JavaTimeoutError) as error:
            self.close()
            raise PlanError("an action of the agent cannot be called in Java", seen=str(error)) from error

    @property
    def pid(self) -> int | None:
        """The process id of the JVM, None without one."""
        return self._jvm.pid if self._jvm else None

    def action(self, action: Action) -> Callable[[Any, Any], None]:
        """Return the function of a Java action."""
        return partial(self._run, action.exec)

    def adapter(self, get_resource: GetResource, lock: RLock) -> JavaAdapter:
        """Return what upstream's wrappers of Java parts call; ``lock`` is that of a resource's creation."""
        return JavaAdapter(self.call, self._plan.resource_providers or {}, get_resource, lock)

    def call(self, operation: str, arguments: Sequence[Any], what: str, answers: Answers | None = None) -> Any:
        """Return the result of one operation of the JVM, which is started first; see :meth:`Jvm.call`."""
        with self._lock:
            if self._closed:
                raise JavaPartError(f"{what} was called after the end of the run")
            if self._jvm is None:
                self._jvm = self._started(what)
            jvm = self._jvm
        return jvm.call(operation, arguments, what, answers)

    def _started(self, what: str) -> Jvm:
        assert self._setup is not None
        if self._limit is not None:
            raise JavaPartError(
                f"{what} cannot be used, because the network of scenario {self._limit.scenario!r} is closed, and "
                "connections of Java are not watched; write network: open"
            )
        try:
            jvm = Jvm(self._setup)
        except OSError as error:
            raise JavaPartError(f"the JVM for {what} cannot be started: {error}") from error
        if self._task is not None:
            threading.Thread(target=self._end_with, args=(self._task,), name="java-end", daemon=True).start()
        return jvm

    def _end_with(self, task: Path) -> None:
        """End the JVM when the thread of its task has ended.

        In thread mode PyFlink closes an operator at the end of its input only: not when its job fails, is
        cancelled or stopped.
        """
        while not self._closed and task.exists():
            time.sleep(_WATCH_S)
        self.close()

    def close(self) -> None:
        """Close the resources and end the JVM."""
        with self._lock:
            self._closed, jvm, self._jvm = True, self._jvm, None
        if jvm is None:
            return
        try:
            with contextlib.suppress(JavaPartError, JavaError, JavaTimeoutError):
                jvm.call("close", [], "closing the Java resources")
        finally:
            jvm.close()

    def _run(self, function: JavaFunction, event: Any, context: Any) -> None:
        what = f"the Java action {function.qualname}.{function.method_name}"
        self.call("action", [*_named(function), *event_fields(event)], what, partial(answer, context))


def _task_of_flink() -> Path | None:
    """Return the system's entry for this thread if Flink has made it, None for a thread of Python."""
    entry = Path("/proc/self/task", str(threading.get_native_id()))
    foreign = isinstance(threading.current_thread(), threading._DummyThread)  # noqa: SLF001 - no public name
    return entry if foreign and entry.exists() else None


def require_java_parts(plan: NamedPlan) -> None:
    """Raise the errors of :meth:`JavaParts.start` for a plan that another process will run."""
    parts = JavaParts(plan)
    try:
        parts.start()
    finally:
        parts.close()


def _setup(plan: NamedPlan, parts: Sequence[str]) -> JavaSetup:
    java = option(plan.config, JAVA_HOME)
    if not java:
        raise NoJavaError(", ".join(parts[:_MAX_NAMED]) + (", ..." if len(parts) > _MAX_NAMED else ""))
    jars = tuple(option(plan.config, JAVA_CLASS_PATH) or ())
    return JavaSetup(f"{java}/bin/java", jars, option(plan.config, JAVA_CALL_MS) / 1000)


def _resources_of(plan: NamedPlan) -> Iterator[str]:
    for kind, providers in (plan.resource_providers or {}).items():
        for name, provider in providers.items():
            if isinstance(provider, JavaResourceProvider) or _is_java_tool(provider):
                yield f"{kind.value.replace('_', ' ')} {name}"


def _is_java_tool(provider: Any) -> bool:
    """Return whether a tool is a Java function; a plan that was read has it as a mapping."""
    tool = getattr(provider, "resource", None)
    if isinstance(tool, FunctionTool):
        return isinstance(tool.func, JavaFunction)
    function = (getattr(provider, "serialized", None) or {}).get("func")
    return isinstance(function, dict) and function.get("func_type") == JavaFunction.__name__


def _named(function: JavaFunction) -> list[Any]:
    return [function.qualname, function.method_name, list(function.parameter_types)]
