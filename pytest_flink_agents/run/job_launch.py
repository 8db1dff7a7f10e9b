"""Launch the user's own job with ``flink run``."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flink_agents_runtime.network import VARIABLE as NETWORK_VARIABLE
from flink_agents_runtime.observe.json_log import DIRECTORY_VARIABLE as EVENT_LOGS_VARIABLE
from flink_testbed.core.problem import HostError
from flink_testbed.flink.client import FlinkClient, Program, ProgramFailedError
from flink_testbed.flink.cluster import FlinkCluster
from flink_testbed.flink.job_owner import owner_options
from flink_testbed.flink.options import EXECUTION_MODE
from pytest_flink_agents.evidence.job_failure import explained
from pytest_flink_agents.evidence.model import Failure
from pytest_flink_agents.provision.flink_setup import FlinkSetup, rows_as_data
from pytest_flink_agents.run.launch import Launch
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import JobSubject
from pytest_flink_agents.vocabulary import Engine

# The user's own job chooses its engine in its program, and the report says so.
JOBS_OWN_ENGINE = "the job's own"
_RUN_WITH_BUNDLED_ENGINE = "from flink_agents_runtime.on_flink.program import main\n\nmain()\n"
# Imports of PyFlink and the client's JVM; a busy machine takes five times as long as a quiet one.
_SUBMIT_JOB_S = 180.0


def launch_job(
    subject: JobSubject, place: Place, cluster: FlinkCluster, savepoint: str = "", *, single: bool = False
) -> Launch:
    """Run the user's own program with Flink's client, detached, from ``savepoint`` unless it is empty.

    A program that fails has launched no job, nor has one with several jobs where a ``single`` one is needed.
    """
    # Thread mode, as for agents, if the workers see this machine's files. A program may set another
    # mode, and a team's configuration does.
    chosen = EXECUTION_MODE in place.setup.job
    thread_mode = subject.file.suffix == ".py" and cluster.shares_files and not chosen
    client = FlinkClient(
        place.environment.flink_home,
        cluster.rest_url,
        directory=place.directory / "client",
        options={
            **owner_options(cluster.run_id, place.setup.job),
            **({EXECUTION_MODE: "thread"} if thread_mode else {}),
            **cluster.client_options,
        },
        environment=cluster.client_environment,
        configuration=client_configuration(place.setup),
    )
    files = {"client": str(client.log)}
    config = rows_as_data(place.setup.agent_rows)
    try:
        program = replace(_program(subject, place, cluster), savepoint=savepoint)
        jobs = client.run(program, timeout_s=_SUBMIT_JOB_S)
    except ProgramFailedError as error:
        _cancel(error.jobs, cluster)
        failure = explained(Failure(error.message, traceback=error.detail))
        return Launch(JOBS_OWN_ENGINE, failure=failure, config=config, files=files)
    if single and len(jobs) > 1:
        _cancel(jobs, cluster)
        failure = Failure(f"the program submits {len(jobs)} jobs: only a single one can be stopped for another version")
        return Launch(JOBS_OWN_ENGINE, failure=failure, config=config, files=files)
    return Launch(JOBS_OWN_ENGINE, tuple(jobs), config=config, files=files)


def _cancel(jobs: Sequence[str], cluster: FlinkCluster) -> None:
    """Cancel jobs that no run follows: they would hold their slots, and write to its topics."""
    for job_id in jobs:
        cluster.adopt(job_id)
        # A job that has ended by itself cannot be cancelled.
        with contextlib.suppress(HostError):
            cluster.cancel(job_id)


def client_configuration(setup: FlinkSetup) -> str:
    """Return the ``config.yaml`` for a team's own program.

    It has the options that the run honours: Flink reads those of the job, flink-agents those of
    ``agent:``.
    """
    options: dict[str, Any] = {**dict(setup.variant.options), **setup.job}
    section = {"agent": dict(setup.agent)} if setup.agent else {}
    return "".join(f"{json.dumps(key)}: {json.dumps(value)}\n" for key, value in (options | section).items()) or "{}\n"


def _program(subject: JobSubject, place: Place, cluster: FlinkCluster) -> Program:
    """Return the program for the client.

    The chosen engine executes the agents of a Python program.
    """
    environment = dict(subject.environment)
    if subject.network is not None:
        environment[NETWORK_VARIABLE] = json.dumps(subject.network.fields(place.events))
    bundled = place.environment.engine.name == Engine.BUNDLED
    if bundled and cluster.shares_files:
        environment[EVENT_LOGS_VARIABLE] = str(place.events)
    program = Program(subject.file, subject.args, subject.main_class, subject.parallelism, environment)
    if not program.is_python:
        return program
    run_by = None
    if bundled:
        run_by = place.directory / "run_with_bundled_engine.py"
        run_by.write_text(_RUN_WITH_BUNDLED_ENGINE, encoding="utf-8")
    return replace(
        program,
        run_by=run_by,
        ships=() if cluster.shares_files else place.environment.shipment,
        worker_python=cluster.worker_python,
    )
