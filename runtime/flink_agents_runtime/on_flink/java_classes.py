"""Java classes in the client's JVM: those of upstream, and those of a user's jar."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from py4j.protocol import Py4JJavaError
from pyflink.java_gateway import get_gateway
from pyflink.util.java_utils import to_jarray

from flink_agents_runtime.plan.agent_reference import PlanError

_MAPPER = "org.apache.flink.shaded.jackson2.com.fasterxml.jackson.databind.ObjectMapper"
_AGENT_PLAN = "org.apache.flink.agents.plan.AgentPlan"
_CONFIGURATION = "org.apache.flink.agents.plan.AgentConfiguration"
# The base class of agents since 0.2, and of 0.1.
_AGENTS = ("org.apache.flink.agents.api.agents.Agent", "org.apache.flink.agents.api.Agent")
_LIMIT = 2000


@contextlib.contextmanager
def class_path(jars: Sequence[str]) -> Iterator[None]:
    """Add jars to the JVM for a block.

    Afterwards they are gone: two jobs may bring two versions of one class. Raises
    :class:`PlanError` for a jar that does not exist.
    """
    missing = [jar for jar in jars if not Path(jar).is_file()]
    if missing:
        raise PlanError("the jar does not exist", seen=missing[0], next_step="build it, or correct its path")
    jvm = get_gateway().jvm
    thread = jvm.java.lang.Thread.currentThread()
    before = thread.getContextClassLoader()
    urls = [jvm.java.io.File(jar).toURI().toURL() for jar in jars]
    thread.setContextClassLoader(jvm.java.net.URLClassLoader(to_jarray(jvm.java.net.URL, urls), before))
    try:
        yield
    finally:
        thread.setContextClassLoader(before)


def java_class(name: str) -> Any:
    """Return a class by its name. Raises :class:`PlanError` if there is none."""
    jvm = get_gateway().jvm
    loader = jvm.java.lang.Thread.currentThread().getContextClassLoader()
    try:
        return jvm.java.lang.Class.forName(name, True, loader)
    except Py4JJavaError as error:
        raise PlanError(
            f"the class {name} cannot be loaded", seen=cause_of(error), next_step="correct its name, or the jar"
        ) from None


def through_java(text: str) -> str:
    """Return a plan after Java's AgentPlan has read and written it.

    Raises :class:`PlanError` if it cannot, and for a Java function that is not a static method: Java
    itself looks for it when the action runs first.
    """
    try:
        plan = _mapper().readValue(text, java_class(_AGENT_PLAN))
        for action in plan.getActions().values():
            _require_static(action.getName(), action.getExec())
        return json_text(plan)
    except Py4JJavaError as error:
        raise PlanError("Java cannot read the plan", seen=cause_of(error)) from None


def java_agent_plan(name: str, config: Mapping[str, Any]) -> str:
    """Return the plan of a Java agent by the name of its class, as Java writes it. Raises :class:`PlanError`."""
    jvm = get_gateway().jvm
    agent_class = java_class(name)
    base = next(filter(None, map(_class_or_none, _AGENTS)), None)
    if base is None or not base.isAssignableFrom(agent_class):
        raise PlanError(f"{name} is not an agent", expected="a subclass of flink-agents' Agent", seen=name)
    try:
        agent = agent_class.getConstructor(None).newInstance(None)
        options = jvm.java.util.HashMap()
        for key, value in config.items():
            options.put(key, value)
        configuration = _new(java_class(_CONFIGURATION), [java_class("java.util.Map")], [options])
        plan = _new(java_class(_AGENT_PLAN), [base, java_class(_CONFIGURATION)], [agent, configuration])
        return json_text(plan)
    except Py4JJavaError as error:
        raise PlanError(
            f"Java cannot create the plan of agent {name}",
            expected="a public class with a public constructor without parameters",
            seen=cause_of(error),
        ) from None


def json_text(value: Any) -> str:
    """Return a Java object as JSON text."""
    return str(_mapper().writeValueAsString(value))


def cause_of(error: Py4JJavaError) -> str:
    """Return class and text of the innermost cause of a Java exception."""
    cause = error.java_exception
    while cause.getCause() is not None:
        cause = cause.getCause()
    return str(cause.toString())[:_LIMIT]


def _require_static(action: str, function: Any) -> None:
    """Raise Java's exception if a Java function does not exist, :class:`PlanError` if it is not static."""
    if function.getClass().getSimpleName() != "JavaFunction":
        return
    method = function.getMethod()
    if not get_gateway().jvm.java.lang.reflect.Modifier.isStatic(method.getModifiers()):
        raise PlanError(
            f"Java cannot call the function of action {action}", expected="a static method", seen=str(method.toString())
        )


def _mapper() -> Any:
    return java_class(_MAPPER).getDeclaredConstructor(None).newInstance(None)


def _class_or_none(name: str) -> Any:
    try:
        return java_class(name)
    except PlanError:
        return None


def _new(of: Any, types: Sequence[Any], arguments: Sequence[Any]) -> Any:
    jvm = get_gateway().jvm
    constructor = of.getConstructor(to_jarray(jvm.java.lang.Class, types))
    return constructor.newInstance(to_jarray(jvm.java.lang.Object, arguments))
