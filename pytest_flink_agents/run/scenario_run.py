"""One run of one scenario: what every tier has in common, and what each does by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from flink_agents_runtime.config.options import flat
from flink_testbed.core import clock
from flink_testbed.core.problem import Problem
from flink_testbed.flink.cluster import FlinkCluster, owner_options
from flink_testbed.responder import RefusedError, Responder
from pytest_flink_agents.evidence.event_log import gather_event_logs, read_event_logs
from pytest_flink_agents.evidence.job_failure import failure_of, job_failure
from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.evidence.unfinished import agent_name, still_waiting, unfinished_in
from pytest_flink_agents.provision.engine_choice import BUNDLED
from pytest_flink_agents.provision.environment import Workplace
from pytest_flink_agents.run.job_watch import JobWatch, restarts_in_words, wait_for_ends
from pytest_flink_agents.run.reach import require_reach
from pytest_flink_agents.run.thread_dump import keep_thread_dump
from pytest_flink_agents.run.transport import FileTransport, Transport, output_of

# Building the plan imports the user's modules; submitting adds the client's and the JobManager's work.
_BUILD_S = 60.0
# A run that ended at its deadline still needs a moment to say so.
_MARGIN_S = 10.0


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What to run, free of placeholders: the agent and its resources as the runtime wants them, plain inputs, a deadline.

    ``directory`` (created) takes the run's files. ``savepoint``, where given, is what a job on Flink starts from;
    ``transport`` is how its inputs and outputs travel, through files of ``directory`` where it is left out.
    """

    name: str
    agent_spec: Mapping[str, Any]
    config: Mapping[str, Any]
    inputs: Sequence[Mapping[str, Any]]
    within_s: float
    directory: Path
    flink_config: Mapping[str, str] = field(default_factory=dict)
    parallelism: int = 1
    seed: int | None = None
    savepoint: str = ""
    transport: Transport | None = None


class AgentRefusedError(Exception):
    """The agent could not be built: the job's fault, not the machine's. ``problem`` says what to change."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.render())
        self.problem = problem


def run_local(request: RunRequest, workplace: Workplace) -> Evidence:
    """Run without Flink, in the warm worker of the job environment."""
    worker = workplace.worker()
    events = request.directory / "events"
    events.mkdir(parents=True, exist_ok=True)
    started = clock.now_s()
    try:
        result = worker.request(
            "run",
            timeout_s=_BUILD_S + request.within_s + _MARGIN_S,
            agent_spec=request.agent_spec,
            config=_logged_in_full(request.config),
            inputs=list(request.inputs),
            seed=request.seed,
            event_log=str(events / "events-local-0.log"),
            deadline_s=request.within_s,
        )
    except RefusedError as error:
        raise _refused(error) from error
    timed_out = result["timed_out"]
    failure = result["failure"]
    return Evidence(
        tier="local",
        flink_version=workplace.release.version,
        engine=BUNDLED,
        outputs=tuple(output_of(output, request.inputs) for output in result["outputs"]),
        input_keys=tuple(record["key"] for record in request.inputs),
        events=read_event_logs(events),
        failure=_of_agent(request, failure_of(failure)) if failure else None,
        complete=timed_out is None,
        timed_out_after_s=request.within_s if timed_out else None,
        job_state="FAILED" if failure else "RUNNING" if timed_out else "FINISHED",
        config=_config_evidence(result["config"], request),
        metrics=result["metrics"],
        timings_s={"run": result["elapsed_s"], "total": clock.now_s() - started},
        log_tail=still_waiting(request.agent_spec["agent"], timed_out["waiting_on"]) if timed_out else "",
        files={"events": str(events)},
        seed=request.seed,
    )


def _of_agent(request: RunRequest, failure: Failure) -> Failure:
    """The failure with the agent's name, which upstream's engine does not tell."""
    return replace(failure, agent=failure.agent or agent_name(request.agent_spec["agent"]))


def run_on_flink(request: RunRequest, workplace: Workplace, *, tier: str) -> Evidence:
    """Run as a job on the session's cluster of a tier."""
    with closing(request.transport or FileTransport(request.directory)) as transport:
        return _run_on_flink(request, workplace, tier, transport)


def _run_on_flink(request: RunRequest, workplace: Workplace, tier: str, transport: Transport) -> Evidence:
    submitter = workplace.submitter(tier)
    cluster = workplace.cluster(tier)
    events_directory = request.directory / "events"
    events_directory.mkdir(parents=True, exist_ok=True)
    started = clock.now_s()
    transport.put(request.inputs)
    submitted = _submit(request, workplace, submitter, cluster, transport)
    job_id = str(submitted["job_id"])
    cluster.adopt(job_id)
    running = clock.now_s()
    watch = JobWatch(cluster, job_id)
    timed_out = not wait_for_ends([watch], request.within_s)
    state = watch.state
    ended = clock.now_s()
    exception = cluster.exception(job_id) if state == "FAILED" else ""
    require_reach(cluster, exception, request.directory)
    failure = job_failure(exception) if state == "FAILED" else None
    threads = keep_thread_dump(cluster, request.directory) if timed_out else {}
    if timed_out:
        watch.cancel()
    story = watch.story()
    gather_event_logs(cluster.directory, [job_id], events_directory)
    events = read_event_logs(events_directory, request.inputs)
    log_tail = ""
    if timed_out:
        waiting = still_waiting(request.agent_spec["agent"], unfinished_in(events, submitted["listeners"]))
        lines = (waiting, restarts_in_words(story), cluster.log_tail(15))
        log_tail = "\n".join(line for line in lines if line)
    elif failure and not failure.action:
        # Where an agent's action failed, its own traceback says more than Flink's logs.
        log_tail = cluster.log_tail(15)
    return Evidence(
        tier=tier,
        flink_version=workplace.release.version,
        engine=workplace.engine.name,
        outputs=transport.outputs(request.inputs),
        input_keys=tuple(record["key"] for record in request.inputs),
        transport=transport.name,
        events=events,
        failure=_of_agent(request, failure) if failure else None,
        complete=not timed_out,
        timed_out_after_s=request.within_s if timed_out else None,
        job_state=state,
        config=_config_evidence(submitted["config"], request),
        **story,
        timings_s={"submit": running - started, "run": ended - running, "total": clock.now_s() - started},
        log_tail=log_tail,
        files={
            "events": str(events_directory),
            "logs": str(cluster.directory / "log"),
            **transport.files,
            **threads,
        },
    )


def _submit(
    request: RunRequest, workplace: Workplace, submitter: Responder, cluster: FlinkCluster, transport: Transport
) -> dict[str, Any]:
    """Have the job built and submitted; returns what the submitter tells of it."""
    try:
        return submitter.request(
            "submit",
            timeout_s=_BUILD_S + _MARGIN_S,
            name=request.name,
            rest_url=cluster.rest_url,
            agent_spec=request.agent_spec,
            config=_logged_in_full(request.config) | {"baseLogDir": str(request.directory / "events")},
            ends=transport.ends,
            parallelism=request.parallelism,
            flink_config={
                **transport.flink_options,
                **request.flink_config,
                **owner_options(cluster.run_id),
                **cluster.client_options,
            },
            upstream_jars=[str(jar) for jar in workplace.engine.jars],
            ship=[] if cluster.shares_files else [str(path) for path in workplace.shipment],
            worker_python=cluster.worker_python,
            savepoint=request.savepoint,
        )
    except RefusedError as error:
        raise _refused(error) from error


def _logged_in_full(config: Mapping[str, Any]) -> dict[str, Any]:
    """The scenario's options, with events logged untruncated unless it says otherwise: they are evidence."""
    return {"event-log.level": "VERBOSE"} | dict(flat(config))


def _config_evidence(rows: Sequence[Mapping[str, Any]], request: RunRequest) -> dict[str, dict[str, Any]]:
    """The options that held, by key; those that we added to the scenario's are told as ours."""
    given = dict(flat(request.config))
    told = {row["key"]: {name: row[name] for name in ("value", "source", "note")} for row in rows}
    for key in ("event-log.level", "baseLogDir"):
        if key not in given and key in told and told[key]["source"] != "default":
            told[key]["source"] = "the harness"
    return told


def _refused(error: RefusedError) -> AgentRefusedError:
    code = "FA220" if error.kind == "plan" else "FA501"
    detail = error.traceback if error.kind == "internal" else ""
    return AgentRefusedError(
        Problem(code, error.message, expected=error.expected, seen=error.seen, next_step=error.next_step, detail=detail)
    )


run_embedded = partial(run_on_flink, tier="embedded")
RUNNERS: Mapping[str, Callable[[RunRequest, Workplace], Evidence]] = {
    "local": run_local,
    "embedded": run_embedded,
    "container": partial(run_on_flink, tier="container"),
    "remote": partial(run_on_flink, tier="remote"),
}
