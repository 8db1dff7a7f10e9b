"""Errors of Java parts."""

from __future__ import annotations

from flink_agents_runtime.channel import RequestError

_THREE_WAYS = (
    "there are three ways out: install a flink-agents that holds its jars (--flink-agents, --flink-job-python), name jars "
    "with these classes in the option java.class-path, or run the agent with upstream's engine"
)
_API = "org.apache.flink.agents."


class JavaStackTrace(Exception):
    """The stack trace of an exception in Java, as the cause of the exception in Python."""


class JavaError(RuntimeError):
    """An exception of the user's Java code, ``java_type`` is its class."""

    def __init__(self, java_type: str, message: str | None) -> None:
        super().__init__(f"{java_type}: {message}" if message else java_type)
        self.java_type = java_type


class JavaPartError(RuntimeError):
    """A Java part that cannot be used: a missing class, another signature, a value that does not fit."""


class JavaTimeoutError(TimeoutError):
    """A call into Java that missed its deadline; the cause has the stack of its thread."""


class NoJavaError(RequestError):
    """The plan has Java parts, and the process has no Java. Of kind "java": the harness then provides one."""

    def __init__(self, parts: str) -> None:
        super().__init__(
            "java",
            f"the agent has parts in Java: {parts}",
            expected="the options java.home and java.class-path, which the harness sets for scenarios and agent_runner",
            next_step="scripts and jobs of your own run Java parts with upstream's engine only",
        )


def missing_class(name: str, what: str) -> JavaPartError:
    """Return the error for a class that no jar has."""
    if name.startswith(_API):
        return JavaPartError(f"{what} needs flink-agents' class {name}, which no jar has; {_THREE_WAYS}")
    return JavaPartError(
        f"{what} needs the class {name}, which no jar has; correct its name, or name its jar in the option java.class-path"
    )
