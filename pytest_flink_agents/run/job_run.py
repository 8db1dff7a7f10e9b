"""One run of a team's own job: inputs in, `flink run`, outputs out. The same evidence as an agent's run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flink_testbed.core import clock
from flink_testbed.flink.client import FlinkClient, Program, ProgramFailedError
from flink_testbed.flink.cluster import FlinkCluster, owner_options
from pytest_flink_agents.evidence.event_log import gather_event_logs, read_event_logs
from pytest_flink_agents.evidence.job_failure import explained, job_failure
from pytest_flink_agents.evidence.model import Evidence, Failure
from pytest_flink_agents.provision.engine_choice import BUNDLED
from pytest_flink_agents.provision.environment import Workplace
from pytest_flink_agents.run.job_transport import Arrival, JobFiles, JobTransport
from pytest_flink_agents.run.job_watch import JobWatch, Story, restarts_in_words, wait_for_ends
from pytest_flink_agents.run.reach import require_reach
from pytest_flink_agents.run.thread_dump import keep_thread_dump

ENGINE = "the job's own"
_RUN_WITH_BUNDLED_ENGINE = "from flink_agents_runtime.on_flink.program import main\n\nmain()\n"
# Python's imports and the client's JVM; a busy machine takes five times what a quiet one does.
_SUBMIT_S = 180.0


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A program, its arguments and environment (free of placeholders), its inputs, a deadline in seconds.

    ``directory`` (created) takes the run's files. ``transport`` is how inputs and outputs travel, through files of
    ``directory`` where it is left out; ``expected_outputs`` is how many must have come before a job that goes on for ever
    is done, None where that is not known.
    """

    file: Path
    args: tuple[str, ...]
    main_class: str
    environment: Mapping[str, str]
    inputs: Sequence[Mapping[str, Any]]
    within_s: float
    directory: Path
    parallelism: int = 1
    transport: JobTransport | None = None
    expected_outputs: int | None = None


def run_job(request: JobRequest, workplace: Workplace, tier: str) -> Evidence:
    """Submit the program, wait for its jobs to end or to be done, gather what they left.

    A program that ends without a job has failed, as a job that fails has.
    """
    with closing(request.transport or JobFiles(request.directory)) as transport:
        return _run_job(request, workplace, tier, transport)


def _run_job(request: JobRequest, workplace: Workplace, tier: str, transport: JobTransport) -> Evidence:
    cluster = workplace.cluster(tier)
    transport.put(request.inputs)
    client = _client(request, workplace, cluster)
    started = clock.now_s()
    watches: list[JobWatch] = []
    failure: Failure | None = None
    in_time = True
    try:
        jobs = client.run(_program(request, workplace, cluster), timeout_s=_SUBMIT_S)
        running = clock.now_s()
        for job in jobs:
            cluster.adopt(job)
        watches = [JobWatch(cluster, job) for job in jobs]
        in_time = wait_for_ends(watches, request.within_s, _done(request, transport))
        failure = _failure(cluster, watches, request.directory)
    except ProgramFailedError as error:
        running = clock.now_s()
        failure = explained(Failure(error.message, traceback=error.detail))
    stopped = in_time and not all(watch.ended for watch in watches)
    state = "CANCELED" if stopped else _joint_state(watches)
    story = watches[0].story() if watches else Story()
    threads = {} if in_time else keep_thread_dump(cluster, request.directory)
    outputs = transport.outputs()
    for watch in watches:
        if not watch.ended:
            watch.cancel()
    events = request.directory / "events"
    gather_event_logs(cluster.directory, [watch.job_id for watch in watches], events)
    return Evidence(
        tier=tier,
        flink_version=workplace.release.version,
        engine=ENGINE,
        outputs=outputs,
        events=read_event_logs(events),
        failure=failure,
        complete=in_time,
        timed_out_after_s=None if in_time else request.within_s,
        input_keys=tuple(record["key"] for record in request.inputs),
        transport=transport.name,
        stopped=stopped,
        job_state=state,
        timings_s={"submit": running - started, "run": clock.now_s() - running, "total": clock.now_s() - started},
        log_tail=_log_tail(cluster, story, in_time=in_time) if not in_time or (watches and failure) else "",
        files={"client": str(client.log), "logs": str(cluster.directory / "log"), **transport.files, **threads},
        **story,
    )


def _client(request: JobRequest, workplace: Workplace, cluster: FlinkCluster) -> FlinkClient:
    # Where the workers see our files, as for a scenario's agent; a program may say otherwise.
    thread_mode = request.file.suffix == ".py" and cluster.shares_files
    mode = {"python.execution-mode": "thread"} if thread_mode else {}
    return FlinkClient(
        workplace.flink_home,
        cluster.rest_url,
        directory=request.directory / "client",
        options={**owner_options(cluster.run_id), **mode, **cluster.client_options},
        environment=cluster.client_environment,
    )


def _failure(cluster: FlinkCluster, watches: Sequence[JobWatch], directory: Path) -> Failure | None:
    """What failed the first of the jobs that failed."""
    failed = next((watch.job_id for watch in watches if watch.state == "FAILED"), None)
    exception = cluster.exception(failed) if failed else ""
    require_reach(cluster, exception, directory)
    return job_failure(exception) if failed else None


def _log_tail(cluster: FlinkCluster, story: Story, *, in_time: bool) -> str:
    """The end of the cluster's logs, after a line on why a job came to no end."""
    why = "" if in_time else restarts_in_words(story)
    return f"{why}\n{cluster.log_tail(15)}".lstrip()


def _joint_state(watches: Sequence[JobWatch]) -> str:
    """One word for all jobs: failed where one has, or where there is none; finished where all have."""
    states = [watch.state for watch in watches]
    if not states or "FAILED" in states:
        return "FAILED"
    return next((state for state in states if state != "FINISHED"), "FINISHED")


def _done(request: JobRequest, transport: JobTransport) -> Callable[[], bool]:
    """Whether a job that may go on for ever has done all that it was to do."""
    if transport.open_ended and request.expected_outputs:
        return Arrival(transport, request.expected_outputs)
    return lambda: False


def _program(request: JobRequest, workplace: Workplace, cluster: FlinkCluster) -> Program:
    """The program as the client is to run it: a Python one's agents are executed by the engine that was chosen."""
    program = Program(request.file, request.args, request.main_class, request.parallelism, request.environment)
    if not program.is_python:
        return program
    run_by = None
    if workplace.engine.name == BUNDLED:
        run_by = request.directory / "run_with_bundled_engine.py"
        run_by.write_text(_RUN_WITH_BUNDLED_ENGINE, encoding="utf-8")
    return replace(
        program,
        run_by=run_by,
        ships=() if cluster.shares_files else workplace.shipment,
        worker_python=cluster.worker_python,
    )
