"""A run without Flink, in the local worker of the job environment."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from flink_testbed.core import clock
from flink_testbed.responder import RefusedError
from pytest_flink_agents.evidence.event_log import read_event_logs
from pytest_flink_agents.evidence.job_failure import failure_of
from pytest_flink_agents.evidence.model import Evidence, LogError, MemoryOfKey, Output
from pytest_flink_agents.evidence.network import read_blocked
from pytest_flink_agents.evidence.unfinished import still_waiting
from pytest_flink_agents.provision.flink_setup import rows_as_data
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.launch import config_evidence, logged_in_full, named_failure, refused
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.records import agent_output
from pytest_flink_agents.run.reply_pipes import answered
from pytest_flink_agents.run.subject import AgentSubject, ScriptSubject, Subject
from pytest_flink_agents.run.timeline import Step
from pytest_flink_agents.vocabulary import Engine

# Importing the user's modules and building the plan do not count as the run's time.
BUILD_S = 60.0
# A run that missed its deadline still needs a moment to report it; a stuck script needs one to be
# ended.
MARGIN_S = 10.0
_SCRIPT_MARGIN_S = 30.0
_DEBUGGED_S = 3600.0
_INLINE_INPUTS = 10_000
_LOGGED_BY = "the agent's process"


def run_in_worker(
    subject: Subject, channel: Channel, place: Place, timeline: Sequence[Step], deadline_s: float
) -> Evidence:
    """Run an agent or a script in the worker."""
    if place.environment.settings.debug_terminal:
        # A person at a breakpoint() takes longer than any agent.
        deadline_s = max(deadline_s, _DEBUGGED_S)
    if timeline:
        raise ValueError(
            "a run without Flink has no checkpoints: no step of a timeline can be performed on the local tier"
        )
    if isinstance(subject, AgentSubject):
        return _run_agent(subject, channel, place, deadline_s)
    if isinstance(subject, ScriptSubject):
        return _run_script(subject, place, deadline_s)
    raise ValueError("a job runs on Flink: it cannot run on the local tier")


def _run_agent(subject: AgentSubject, channel: Channel, place: Place, deadline_s: float) -> Evidence:
    worker = place.environment.worker()
    events = place.events
    started_s = clock.now_s()
    try:
        with answered(channel.conversation) as held:
            reply = worker.request(
                "run",
                timeout_s=BUILD_S + deadline_s + MARGIN_S,
                agent_spec=subject.spec,
                config=logged_in_full(subject.config),
                **inputs_of(channel, place),
                **held,
                seed=subject.seed,
                event_log=str(events / "events-local-0.log"),
                environment=dict(subject.environment),
                network=subject.network.fields(events) if subject.network else None,
                deadline_s=deadline_s,
                memory=subject.reports_memory,
            )
    except RefusedError as error:
        raise refused(error) from error
    late, failure = reply["timed_out"], reply["failure"]
    log = read_event_logs(events)
    return Evidence(
        tier=place.tier.value,
        flink_version=place.environment.release.version,
        engine=Engine.BUNDLED.value,
        outputs=tuple(agent_output(record, channel.inputs) for record in reply["outputs"]),
        input_keys=channel.input_keys,
        held_inputs=channel.conversation.held() if channel.conversation else (),
        events=log.events,
        events_unknown=log.unknown,
        failure=named_failure(failure_of(failure), subject) if failure else None,
        complete=late is None,
        timed_out_after_s=deadline_s if late else None,
        job_state="FAILED" if failure else "RUNNING" if late else "FINISHED",
        config=config_evidence(reply["config"], subject, place.setup),
        flink_config=rows_as_data(place.setup.rows),
        metrics=reply["metrics"] or None,
        metrics_final=late is None,
        memory=_memory(reply) if late is None and not failure else None,
        timings_s={"run": reply["elapsed_s"], "total": clock.now_s() - started_s},
        log_tail=still_waiting(subject.spec["agent"], late["waiting_on"]) if late else "",
        log_errors=_log_errors(reply),
        printed=reply["output"],
        blocked=read_blocked(events),
        files={"events": str(events)},
        seed=subject.seed,
    )


def inputs_of(channel: Channel, place: Place) -> dict[str, Any]:
    """Return the fields of a request that state its inputs.

    Many inputs go through a file, which the worker reads as it runs, so that neither process holds
    all of them.
    """
    if len(channel.inputs) <= _INLINE_INPUTS:
        return {"inputs": list(channel.inputs)}
    path = place.directory / "inputs.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(record) + "\n" for record in channel.inputs)
    return {"inputs_file": str(path)}


def _run_script(subject: ScriptSubject, place: Place, deadline_s: float) -> Evidence:
    events, stdout = place.events, place.directory / "stdout.txt"
    started_s = clock.now_s()
    reply = place.environment.worker().request(
        "script",
        timeout_s=deadline_s + _SCRIPT_MARGIN_S,
        path=str(subject.file),
        arguments=list(subject.args),
        seed=subject.seed,
        events=str(events),
        stdout=str(stdout),
        deadline_s=deadline_s,
    )
    failure = reply["failure"]
    log = read_event_logs(events)
    return Evidence(
        tier=place.tier.value,
        flink_version=place.environment.release.version,
        engine=Engine.BUNDLED.value,
        outputs=tuple(Output(output["key"], output["value"]) for output in reply["outputs"]),
        events=log.events,
        events_unknown=log.unknown,
        failure=failure_of(failure) if failure else None,
        job_state="FAILED" if failure else "FINISHED",
        timings_s={"total": clock.now_s() - started_s},
        log_errors=_log_errors(reply),
        printed=reply["output"],
        files={"events": str(events), "stdout": str(stdout)},
        seed=subject.seed,
    )


def _memory(reply: Mapping[str, Any]) -> tuple[MemoryOfKey, ...] | None:
    listed = reply["memory"]
    return None if listed is None else tuple(MemoryOfKey(one["key"], one["values"]) for one in listed)


def _log_errors(reply: Mapping[str, Any]) -> tuple[LogError, ...]:
    return tuple(LogError(_LOGGED_BY, error["line"], error["detail"]) for error in reply["log_errors"])
