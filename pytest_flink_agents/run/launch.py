"""Launch an agent on Flink, with the warm submitter."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flink_agents_runtime.config.catalogue import JAVA_CLASS_PATH, JAVA_HOME
from flink_agents_runtime.config.options import flat
from flink_testbed.core.problem import HarnessError, Problem
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.job_owner import owner_options
from flink_testbed.responder import RefusedError
from pytest_flink_agents.evidence.event_log import common_type
from pytest_flink_agents.evidence.failed_action import PlannedAction
from pytest_flink_agents.evidence.model import Failure
from pytest_flink_agents.evidence.plan_reading import PlanReading
from pytest_flink_agents.evidence.unfinished import agent_name
from pytest_flink_agents.plan import plan_differences, plan_digest
from pytest_flink_agents.plan.describe import python_parts
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import HARNESS, FlinkSetup
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.executed_plan import executed_plan_digest
from pytest_flink_agents.run.java_parts import asked_with_java
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentRefusedError, AgentSubject
from pytest_flink_agents.vocabulary import Tier

# Building the plan imports the user's modules; submitting adds the work of client and JobManager.
_SUBMIT_AGENT_S = 70.0


@dataclass(frozen=True, slots=True)
class Launch:
    """The submitted jobs, or the failure of a program that submitted none.

    ``config`` are the options of flink-agents, and ``listeners`` its actions by event type.
    ``actions`` are those of a plan for upstream's engine, whose failures name functions, and ``plan`` is how the other
    language reads it. ``files`` are evidence. ``plan_digest`` is that of the agent's plan, None for a program, which makes
    its own. ``python_mode`` is that of the bundled engine, thread or process, and empty for others.
    """

    engine: str
    job_ids: tuple[str, ...] = ()
    failure: Failure | None = None
    config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    listeners: Mapping[str, Sequence[str]] = field(default_factory=dict)
    actions: tuple[PlannedAction, ...] = ()
    plan: PlanReading | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    plan_digest: str | None = None
    python_mode: str = ""


def launch_agent(
    subject: AgentSubject,
    channel: Channel,
    place: Place,
    cluster: FlinkCluster,
    savepoint: str,
    *,
    replay: Mapping[str, Any] | None = None,
    continues: bool = False,
) -> Launch:
    """Submit the job around an agent, from ``savepoint`` unless it is empty.

    ``replay`` is the script of its process, which dies at crash points; None if it must not. A job that ``continues``
    reads on where the job before it stopped.
    """
    environment = place.environment

    def submit(config: Mapping[str, Any]) -> dict[str, Any]:
        return environment.submitter(place.tier, place.setup.variant).request(
            "submit",
            timeout_s=_SUBMIT_AGENT_S,
            name=subject.name,
            rest_url=cluster.rest_url,
            agent_spec=subject.spec,
            config=config,
            source_and_sink=_source_and_sink(channel, environment, continues=continues),
            parallelism=subject.parallelism,
            flink_config={
                **channel.flink_options,
                **place.setup.job,
                **owner_options(cluster.run_id, place.setup.job),
                **cluster.client_options,
            },
            upstream_jars=[str(jar) for jar in environment.engine.jars],
            user_jars=user_jars(subject, environment),
            ship=[] if cluster.shares_files else [str(path) for path in environment.shipment],
            worker_python=cluster.worker_python,
            savepoint=savepoint,
            replay=replay,
            reports_memory=subject.reports_memory and cluster.shares_files,
            environment=dict(subject.environment),
            network=subject.network.fields(place.events) if subject.network else None,
        )

    config = logged_in_full(subject.config) | {"baseLogDir": str(place.events)}
    try:
        reply = asked_with_java(submit, config, environment, shares_files=cluster.shares_files)
    except RefusedError as error:
        raise refused(error) from error
    return _launched(reply, subject, place)


def _launched(reply: Mapping[str, Any], subject: AgentSubject, place: Place) -> Launch:
    """Return the launch that the submitter's reply describes."""
    return Launch(
        engine=place.environment.engine.name.value,
        job_ids=(str(reply["job_id"]),),
        config=config_evidence(reply["config"], subject, place.setup),
        listeners=reply["listeners"],
        actions=tuple(
            PlannedAction(each["name"], each["function"], tuple(map(common_type, each["events"])), each["java"])
            for each in reply["actions"]
        ),
        plan=plan_reading(reply["plan"]) if "plan" in reply else None,
        plan_digest=executed_plan_digest(reply["plan_text"], subject.addresses),
        python_mode=reply["python_mode"],
    )


def _source_and_sink(
    channel: Channel, environment: TestEnvironment, *, continues: bool
) -> Mapping[str, Mapping[str, Any]]:
    """Return what the job reads and writes, with the Kafka connector of the environment's Flink."""
    topics = channel.source_and_sink.get("kafka")
    if topics is None:
        return channel.source_and_sink
    connector = [str(jar) for jar in environment.source_connector]
    return {"kafka": {**topics, "connector": connector, "continues": continues}}


def plan_of(subject: AgentSubject, place: Place) -> Mapping[str, Any]:
    """Return an agent's plan as JSON data, without running it.

    Raises ``AgentRefusedError`` for an agent that cannot be built.
    """
    environment = place.environment
    local = place.tier is Tier.LOCAL
    builder = environment.worker() if local else environment.submitter(place.tier, place.setup.variant)
    try:
        reply = builder.request(
            "plan",
            timeout_s=_SUBMIT_AGENT_S,
            agent_spec=subject.spec,
            config=dict(subject.config),
            environment=dict(subject.environment),
            network=subject.network.fields(place.events) if subject.network else None,
        )
    except RefusedError as error:
        raise refused(error) from error
    plan: Mapping[str, Any] = json.loads(reply["plan"])
    return plan


def user_jars(subject: AgentSubject, environment: TestEnvironment) -> list[str]:
    """Return the jars that a job brings: the agent's, and the classes around a Java agent."""
    agent = subject.spec["agent"]
    if not isinstance(agent, Mapping) or "jar" not in agent:
        return []
    return [str(agent["jar"]), *([str(environment.java_agent_classes)] if "class" in agent else [])]


def plan_reading(reply: Mapping[str, str]) -> PlanReading:
    """Return how the other language reads the plan of a reply.

    Upstream's engine is Java and reads every plan. Python reads that of a Java agent for its Python parts.
    """
    written = json.loads(reply["written"])
    differences = plan_differences(written, json.loads(reply["read"])) if reply["read"] else ()
    needed = reply["reader"] == "Java" or bool(python_parts(written))
    return PlanReading(reply["reader"], plan_digest(written), differences, reply["error"], needed)


def logged_in_full(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return an agent's options, with untruncated event logs by default.

    Events are evidence, and Flink Agents truncates them unless the level is VERBOSE.
    """
    return {"event-log.level": "VERBOSE"} | dict(flat(config))


def config_evidence(
    rows: Sequence[Mapping[str, Any]], subject: AgentSubject, setup: FlinkSetup
) -> dict[str, dict[str, Any]]:
    """Return the effective options by key.

    Options that the harness added name it as their source, and those of the team's file their line.
    """
    given = dict(flat(subject.config))
    options = {row["key"]: {name: row[name] for name in ("value", "source", "note")} for row in rows}
    for key in ("event-log.level", "baseLogDir", JAVA_HOME, JAVA_CLASS_PATH):
        if key not in given and key in options and options[key]["source"] != "default":
            options[key]["source"] = HARNESS
    for key, row in setup.agent_rows.items():
        if key in options and key in setup.agent:
            options[key]["source"] = row.source
        elif key in options:
            options[key]["note"] = "; ".join(filter(None, (options[key]["note"], row.note)))
    return options


def named_failure(failure: Failure, subject: AgentSubject) -> Failure:
    """Return the failure with the agent's name.

    Upstream's engine does not report it.
    """
    return replace(failure, agent=failure.agent or agent_name(subject.spec["agent"]))


def refused(error: RefusedError) -> AgentRefusedError | HarnessError:
    """Return the error for an agent that could not be built.

    An error inside the worker is a bug of the harness, and proves nothing about the agent.
    """
    parts = {"expected": error.expected, "seen": error.seen, "next_step": error.next_step}
    if error.kind == "plan":
        return AgentRefusedError(Problem("FA220", error.message, **parts))
    return HarnessError(Problem("FA501", error.message, **parts, detail=error.traceback))
