"""One run of a team's own job: files in, `flink run`, files out. The same evidence as an agent's run."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from flink_testbed.core import clock
from flink_testbed.core.problem import WaitTimeoutError
from flink_testbed.flink.client import FlinkClient, Program, ProgramFailedError
from flink_testbed.flink.cluster import FlinkCluster, owner_options
from flink_testbed.flink.rest import TERMINAL_STATES
from pytest_flink_agents.run.engine import BUNDLED
from pytest_flink_agents.run.evidence import Evidence, Failure, Output
from pytest_flink_agents.run.job_failure import explained, job_failure
from pytest_flink_agents.run.reach import require_reach
from pytest_flink_agents.run.scenario_run import cancel
from pytest_flink_agents.run.workplace import Workplace

ENGINE = "the job's own"
_RUN_WITH_BUNDLED_ENGINE = "from flink_agents_runtime.on_flink.program import main\n\nmain()\n"
# Python's imports and the client's JVM; a busy machine takes five times what a quiet one does.
_SUBMIT_S = 180.0


@dataclass(frozen=True, slots=True)
class JobRequest:
    """A program, its arguments and environment (free of placeholders), its inputs, a deadline in seconds.

    ``directory`` (created) takes the run's files; ``inputs_file`` and ``outputs`` are where the program was told to look.
    """

    file: Path
    args: tuple[str, ...]
    main_class: str
    environment: Mapping[str, str]
    inputs: Sequence[Mapping[str, Any]]
    within_s: float
    directory: Path
    parallelism: int = 1

    @property
    def inputs_file(self) -> Path:
        """JSON lines, each ``{"key": ..., "value": ...}``."""
        return inputs_file(self.directory)

    @property
    def outputs(self) -> Path:
        """The directory whose files, at any depth, are the job's outputs."""
        return outputs_directory(self.directory)


def inputs_file(directory: Path) -> Path:
    """Where a job finds its inputs."""
    return directory / "inputs" / "inputs.jsonl"


def outputs_directory(directory: Path) -> Path:
    """Where a job leaves its outputs."""
    return directory / "outputs"


def run_job(request: JobRequest, workplace: Workplace, tier: str) -> Evidence:
    """Submit the program, wait for its jobs to end, gather what they left.

    A program that ends without a job has failed, as a job that fails has.
    """
    cluster = workplace.cluster(tier)
    request.outputs.mkdir(parents=True, exist_ok=True)
    request.inputs_file.parent.mkdir(parents=True, exist_ok=True)
    request.inputs_file.write_text("".join(json.dumps(record) + "\n" for record in request.inputs), encoding="utf-8")
    program = _program(request, workplace, cluster)
    # Where the workers see our files, as for a scenario's agent; a program may say otherwise.
    mode = {"python.execution-mode": "thread"} if program.is_python and cluster.shares_files else {}
    client = FlinkClient(
        workplace.flink_home,
        cluster.rest_url,
        directory=request.directory / "client",
        options={**owner_options(cluster.run_id), **mode, **cluster.client_options},
        environment=cluster.client_environment,
    )
    started = clock.now_s()
    jobs: tuple[str, ...] = ()
    failure: Failure | None = None
    timed_out = False
    try:
        jobs = client.run(program, timeout_s=_SUBMIT_S)
        for job in jobs:
            cluster.adopt(job)
        running = clock.now_s()
        states, timed_out = _wait_for_ends(cluster, jobs, request.within_s)
        failed = next((job for job, state in states.items() if state == "FAILED"), None)
        exception = cluster.rest.root_exception(failed) if failed else ""
        require_reach(cluster, exception, request.directory)
        failure = job_failure(exception) if failed else None
        state = "FAILED" if failed else next((state for state in states.values() if state != "FINISHED"), "FINISHED")
    except ProgramFailedError as error:
        running = clock.now_s()
        failure, state = explained(Failure(error.message, traceback=error.detail)), "FAILED"
    if timed_out:
        for job in jobs:
            cancel(cluster, job)
    return Evidence(
        tier=tier,
        flink_version=workplace.release.version,
        engine=ENGINE,
        outputs=tuple(read_outputs(request.outputs)),
        failure=failure,
        complete=not timed_out,
        timed_out_after_s=request.within_s if timed_out else None,
        job_id=jobs[0] if jobs else "",
        job_state=state,
        ui_url=f"{cluster.rest_url}/#/job/{jobs[0]}/overview" if jobs else "",
        timings_s={"submit": running - started, "run": clock.now_s() - running, "total": clock.now_s() - started},
        log_tail=cluster.log_tail(15) if timed_out or (jobs and failure) else "",
        files={"client": str(client.log), "outputs": str(request.outputs), "logs": str(cluster.directory / "log")},
    )


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


def _wait_for_ends(cluster: FlinkCluster, jobs: Sequence[str], within_s: float) -> tuple[dict[str, str], bool]:
    """Each job's last seen state, and whether the deadline passed before all had ended."""
    last = dict.fromkeys(jobs, "unknown")

    def probe() -> tuple[bool | None, str]:
        cluster.require_alive()
        for job in jobs:
            last[job] = cluster.rest.job_state(job)
        return (True if all(state in TERMINAL_STATES for state in last.values()) else None), ", ".join(last.values())

    try:
        clock.wait_until(probe, what=f"{len(jobs)} jobs to end", timeout_s=within_s, interval_s=0.05)
    except WaitTimeoutError:
        return last, True
    return last, False


def read_outputs(directory: Path) -> list[Output]:
    """Every line of every file below, in the order in which the files were finished.

    A line that is JSON with the fields key and value and no others is an output under that key; any other JSON, and any
    text, is an output without a key. Names that begin with a dot or an underscore are not (yet) output, as Flink and
    Hadoop have it.
    """
    files = [path for path in directory.rglob("*") if path.is_file() and not _is_hidden(path.relative_to(directory))]
    files.sort(key=lambda path: (path.stat().st_mtime_ns, str(path)))
    return [_output(line) for path in files for line in path.read_text(encoding="utf-8").splitlines()]


def _is_hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _output(line: str) -> Output:
    try:
        record = json.loads(line)
    except ValueError:
        return Output(None, line)
    if isinstance(record, dict) and record.keys() == {"key", "value"}:
        return Output(record["key"], record["value"])
    return Output(None, record)
