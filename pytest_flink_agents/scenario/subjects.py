"""The words ``agent``, ``job`` and ``requirements`` of a scenario: what it runs.

Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Field, Tag

from pytest_flink_agents.scenario.mapping import Items, LanguageMapping, SomeItems
from pytest_flink_agents.scenario.words import FORM, AgentClass, JavaClass, NotEmpty, has_form


class YamlAgent(LanguageMapping):
    """An agent of a YAML file in the format of flink-agents."""

    yaml: NotEmpty = Field(description="the YAML file, relative to the scenario file")
    name: NotEmpty = Field(description="name of the agent in that file")


class PlanAgent(LanguageMapping):
    """An agent as a compiled plan."""

    plan: NotEmpty = Field(description="the plan's JSON file, relative to the scenario file")
    jar: NotEmpty | None = Field(None, description="the jar with the Java functions that the plan names")


class JavaAgent(LanguageMapping):
    """An agent that is written in Java, which upstream's engine runs."""

    jar: NotEmpty = Field(description="the jar with the agent, relative to the scenario file")
    class_: JavaClass = Field(alias="class", description="the agent's class, like shop.RefundAgent")
    input_class: JavaClass = Field(
        "java.lang.Object",
        description="the class of its inputs, which Jackson makes of their values; default: maps, lists, strings, numbers",
    )


def _agent_form(value: Any) -> str | None:
    if isinstance(value, dict):
        words = [word for word in ("plan", "yaml") if word in value]
        return FORM + (words[0] if words else "java" if {"jar", "class"} & set(value) else "yaml")
    return FORM + "class" if isinstance(value, str) else None


Agent = Annotated[
    Annotated[AgentClass, Tag(FORM + "class")]
    | Annotated[YamlAgent, Tag(FORM + "yaml")]
    | Annotated[PlanAgent, Tag(FORM + "plan")]
    | Annotated[JavaAgent, Tag(FORM + "java")],
    Discriminator(_agent_form),
    has_form(_agent_form, "package.module:Class, {yaml: FILE, name: NAME}, {plan: FILE} or {jar: FILE, class: NAME}"),
]


def needs_jvm(agent: Agent) -> bool:
    """Return True for a Java agent, and for a plan that comes with a jar."""
    return isinstance(agent, JavaAgent) or (isinstance(agent, PlanAgent) and agent.jar is not None)


class PythonJob(LanguageMapping):
    """A job of the team as a Python program.

    The program builds and executes the job.
    """

    python: NotEmpty = Field(description="the program, relative to the scenario file")
    args: Items[str] = Field(
        (), description="its arguments; placeholders such as ${input.path} and ${llm.openai_url} are replaced"
    )


class JarJob(LanguageMapping):
    """A job of the team as a jar.

    Its main class builds and executes the job.
    """

    jar: NotEmpty = Field(description="the jar, relative to the scenario file")
    main_class: NotEmpty | None = Field(None, description="the class to run; default: the one that its manifest names")
    args: Items[str] = Field(
        (), description="its arguments; placeholders such as ${input.path} and ${llm.openai_url} are replaced"
    )


def _job_form(value: Any) -> str | None:
    return FORM + ("jar" if "jar" in value else "python") if isinstance(value, dict) else None


Job = Annotated[
    Annotated[PythonJob, Tag(FORM + "python")] | Annotated[JarJob, Tag(FORM + "jar")],
    Discriminator(_job_form),
    has_form(_job_form, "{python: FILE} or {jar: FILE}"),
]


def job_before(before: Job | None, job: Job | None) -> Job | None:
    """Return the job of the version before an upgrade; what ``before`` leaves out is that of the scenario's ``job``."""
    if before is None or job is None:
        return job
    words = [word for word in ("args", "main_class") if word not in before.model_fields_set]
    shared = {word: getattr(job, word) for word in words if hasattr(before, word) and hasattr(job, word)}
    return before.model_copy(update=shared)


def _requirements_form(value: Any) -> str | None:
    if isinstance(value, list):
        return FORM + "list"
    return FORM + "file" if isinstance(value, str) else None


Requirements = Annotated[
    Annotated[NotEmpty, Tag(FORM + "file")] | Annotated[SomeItems[NotEmpty], Tag(FORM + "list")],
    Discriminator(_requirements_form),
    has_form(_requirements_form, "a requirements file, or a list of requirements"),
]
