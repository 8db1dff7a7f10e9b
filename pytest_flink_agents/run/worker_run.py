"""A run without Flink, in the local worker of the job environment."""

from __future__ import annotations

from collections.abc import Sequence

from flink_testbed.core import clock
from pytest_flink_agents.evidence.event_log import read_event_logs
from pytest_flink_agents.evidence.job_failure import failure_of
from pytest_flink_agents.evidence.model import Evidence, Output
from pytest_flink_agents.run.channel import Channel
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import AgentSubject, ScriptSubject, Subject
from pytest_flink_agents.run.timeline import Step, SwitchVersion
from pytest_flink_agents.run.worker_agent import log_errors_of, run_agent
from pytest_flink_agents.vocabulary import Engine

# A stuck script needs a moment to be ended.
_SCRIPT_MARGIN_S = 30.0
_DEBUGGED_S = 3600.0


def run_in_worker(
    subject: Subject, channel: Channel, place: Place, timeline: Sequence[Step], deadline_s: float
) -> Evidence:
    """Run an agent or a script in the worker."""
    if place.environment.settings.debug_terminal:
        # A person at a breakpoint() takes longer than any agent.
        deadline_s = max(deadline_s, _DEBUGGED_S)
    if any(not isinstance(step.act, SwitchVersion) for step in timeline):
        raise ValueError(
            "a run without Flink has no checkpoints: no step of a timeline can be performed on the local tier"
        )
    if isinstance(subject, AgentSubject):
        return run_agent(subject, channel, place, timeline, deadline_s)
    if isinstance(subject, ScriptSubject):
        return _run_script(subject, place, deadline_s)
    raise ValueError("a job runs on Flink: it cannot run on the local tier")


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
        log_errors=log_errors_of(reply),
        printed=reply["output"],
        files={"events": str(events), "stdout": str(stdout)},
        seed=subject.seed,
    )
