"""The Java parts of one plan, and the JVM that runs them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
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
from flink_agents_runtime.network import limit_here
from flink_agents_runtime.plan.agent_reference import PlanError
from flink_agents_runtime.plan.named_plan import NamedPlan

_MAX_NAMED = 5


class JavaParts:
    """The Java functions and resources of a plan, and after :meth:`start` their JVM; none without such a part."""

    def __init__(self, plan: NamedPlan) -> None:
        self._plan = plan
        self._functions, self._classes = dict(_functions_of(plan)), dict(_classes_of(plan))
        self._jvm: Jvm | None = None

    def start(self) -> None:
        """Start the JVM, and look for every part.

        Raises :class:`NoJavaError` if the options name no Java, and :class:`PlanError` for a part that does
        not exist or fit.
        """
        named = [*self._functions, *self._classes]
        if not named:
            return
        self._jvm = _started(self._plan, named)
        try:
            for label, (kind, function) in self._functions.items():
                self._jvm.call("check", [*_named(function), kind], label)
            for label, name in self._classes.items():
                self._jvm.call("class", [name], label)
        except (JavaPartError, JavaError, JavaTimeoutError) as error:
            self.close()
            raise PlanError("a part of the agent in Java cannot be used", seen=str(error)) from error
        except BaseException:
            self.close()
            raise

    @property
    def pid(self) -> int | None:
        """The process id of the JVM, None without one."""
        return self._jvm.pid if self._jvm else None

    def action(self, action: Action) -> Callable[[Any, Any], None]:
        """Return the function of a Java action."""
        return partial(self._run, action.exec)

    def adapter(self, get_resource: GetResource) -> JavaAdapter:
        """Return what upstream's wrappers of Java parts call."""
        return JavaAdapter(self.call, self._plan.resource_providers or {}, get_resource)

    def call(self, operation: str, arguments: Sequence[Any], what: str, answers: Answers | None = None) -> Any:
        """Return the result of one operation of the JVM, see :meth:`Jvm.call`."""
        assert self._jvm is not None
        return self._jvm.call(operation, arguments, what, answers)

    def close(self) -> None:
        """Close the resources and end the JVM."""
        jvm, self._jvm = self._jvm, None
        if jvm is None:
            return
        try:
            with contextlib.suppress(JavaPartError):
                jvm.call("close", [], "closing the Java resources")
        finally:
            jvm.close()

    def _run(self, function: JavaFunction, event: Any, context: Any) -> None:
        what = f"the Java action {function.qualname}.{function.method_name}"
        self.call("action", [*_named(function), *event_fields(event)], what, partial(answer, context))


def require_java_parts(plan: NamedPlan) -> None:
    """Raise the errors of :meth:`JavaParts.start` for a plan that another process will run."""
    parts = JavaParts(plan)
    parts.start()
    parts.close()


def _started(plan: NamedPlan, parts: list[str]) -> Jvm:
    named = ", ".join(parts[:_MAX_NAMED]) + (", ..." if len(parts) > _MAX_NAMED else "")
    java = option(plan.config, JAVA_HOME)
    if not java:
        raise NoJavaError(named)
    limit = limit_here()
    if limit is not None:
        raise PlanError(
            f"the network of scenario {limit.scenario!r} is closed, and the agent has parts in Java: {named}",
            expected="an open network: connections of Java are not watched",
            next_step="write network: open",
        )
    jars = tuple(option(plan.config, JAVA_CLASS_PATH) or ())
    try:
        return Jvm(JavaSetup(f"{java}/bin/java", jars, option(plan.config, JAVA_CALL_MS) / 1000))
    except (JavaPartError, OSError) as error:
        raise PlanError("the JVM for the Java parts of the agent cannot be started", seen=str(error)) from error


def _functions_of(plan: NamedPlan) -> Iterator[tuple[str, tuple[str, JavaFunction]]]:
    for name, action in plan.actions.items():
        if isinstance(action.exec, JavaFunction):
            yield f"the Java action {name!r}", ("action", action.exec)
    for kind, providers in (plan.resource_providers or {}).items():
        for name, provider in providers.items():
            function = _java_function(provider)
            if function is not None:
                yield f"the Java {kind.value} {name!r}", ("tool", function)


def _java_function(provider: Any) -> JavaFunction | None:
    """Return the Java function of a tool, whether it is an object yet or still a mapping."""
    resource = getattr(provider, "resource", None)
    if isinstance(resource, FunctionTool):
        return resource.func if isinstance(resource.func, JavaFunction) else None
    function = (getattr(provider, "serialized", None) or {}).get("func")
    if isinstance(function, dict) and function.get("func_type") == JavaFunction.__name__:
        return JavaFunction.model_validate({name: function[name] for name in JavaFunction.model_fields})
    return None


def _classes_of(plan: NamedPlan) -> Iterator[tuple[str, str]]:
    for kind, providers in (plan.resource_providers or {}).items():
        for name, provider in providers.items():
            if isinstance(provider, JavaResourceProvider):
                label = f"the Java resource {name!r} ({kind.value.replace('_', ' ')})"
                yield label, str(provider.descriptor.arguments["java_clazz"])


def _named(function: JavaFunction) -> list[Any]:
    return [function.qualname, function.method_name, list(function.parameter_types)]
