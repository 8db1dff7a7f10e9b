"""``python -m flink_agents_runtime.on_flink.submitter bundled|upstream``: a warm process that builds agent jobs and submits them.

It pays for the imports and the client JVM once; a further job then takes a fraction of a second to submit.

Where a job's code is: on the TaskManagers' PYTHONPATH for as long as they live, or shipped with the job by Flink's own means.
Shipped code wants process mode, in which each job has Python processes of its own: in thread mode all jobs of a TaskManager
share one interpreter, which keeps the modules that the first job brought (seen on 2.2.1: the second job ran the first
one's version, or found its package gone with the first job's files). Process mode has a price besides time: a TaskManager
then listens for its Python processes on all interfaces, unless it is of a cluster that we started on this machine.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from functools import partial
from importlib import metadata
from typing import Any
from urllib.parse import urlsplit

from flink_agents_runtime.channel import RequestError, serve

_CAUSE = "Caused by: "
# The cluster has the job and cannot begin it; whatever else goes wrong when a job is submitted is no fault of the job.
_NOT_BEGUN = "JobInitializationException"


def hello(engine: str) -> dict[str, Any]:
    """Do the slow part before the first request: imports and the client JVM."""
    from pyflink.java_gateway import get_gateway

    get_gateway()
    if engine == "upstream":
        from flink_agents_runtime.on_flink import upstream

        assert upstream
    else:
        from flink_agents_runtime.on_flink import job
        from flink_agents_runtime.plan import build as plan

        assert plan
        assert job
    return {"python": platform.python_version(), "apache_flink": metadata.version("apache-flink")}


def submit(request: dict[str, Any]) -> dict[str, Any]:
    """Build the job of one request and submit it; returns what it is, once the cluster has it.

    ``job_id``, ``config`` (every option that holds, and why), ``listeners`` (actions by event type, of the bundled engine).
    With ``upstream_jars`` (paths) upstream's operator runs the agent, else the bundled one. ``ship`` holds the paths of zips
    and directories that travel with the job; ``worker_python`` is the workers' interpreter where it is not this one.
    ``savepoint``, where given, is what the job starts from.
    """
    from flink_agents_runtime.on_flink.mode import require_streaming

    jars = request["upstream_jars"]
    env = _environment(request["rest_url"], _job_options(request))
    require_streaming(env)
    for path in request.get("ship") or ():
        env.add_python_file(path)
    told = (_add_upstream_job if jars else _add_bundled_job)(env, request)
    client = _accepted(env, request["name"])
    return {"job_id": str(client.get_job_id()), **told}


def _accepted(env: Any, name: str) -> Any:
    """Submit the job. What the cluster says against it (a savepoint that is not there) is the job's fault, not ours."""
    try:
        return env.execute_async(name)
    except Exception as error:
        causes = [line for line in str(error).splitlines() if line.startswith(_CAUSE)]
        if _NOT_BEGUN not in str(error) or not causes:
            raise
        seen = causes[-1].removeprefix(_CAUSE)
        raise RequestError("plan", "Flink does not accept the job", seen=seen) from error


def _add_bundled_job(env: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    from flink_agents_runtime.config.configuration import explained
    from flink_agents_runtime.on_flink.ends import ends_of
    from flink_agents_runtime.on_flink.job import build_job
    from flink_agents_runtime.plan.build import build_plan
    from flink_agents_runtime.stores.settings import check_store

    plan = build_plan(request["agent_spec"], config=request["config"])
    check_store(plan.config)
    build_job(
        env,
        plan.model_dump_json(serialize_as_any=True),
        ends=ends_of(request["ends"]),
        parallelism=request["parallelism"],
        name=request["name"],
    )
    return {"config": explained(plan.config), "listeners": plan.actions_by_event}


def _add_upstream_job(env: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    from flink_agents_runtime.on_flink.ends import ends_of
    from flink_agents_runtime.on_flink.upstream import add_upstream_jars, build_upstream_job, upstream_plan

    plan, config = upstream_plan(request["agent_spec"], config=request["config"])
    add_upstream_jars(request["upstream_jars"])
    build_upstream_job(env, plan, ends=ends_of(request["ends"]), parallelism=request["parallelism"])
    return {"config": config, "listeners": {}}


def _job_options(request: Mapping[str, Any]) -> dict[str, str]:
    """The Flink options of one job: its own, and how its Python runs."""
    options = dict(request.get("flink_config") or {})
    ship, savepoint = request.get("ship"), request.get("savepoint")
    mode = options.setdefault("python.execution-mode", "process" if ship else "thread")
    if ship and mode == "thread":
        raise RequestError(
            "plan",
            "thread mode cannot run code that travels with the job",
            expected="python.execution-mode: process, or the code on the TaskManagers' PYTHONPATH",
            seen="python.execution-mode: thread",
            next_step="leave that option out",
        )
    # The workers' interpreter is this one; otherwise they take whatever "python" is on their PATH.
    options["python.executable"] = request.get("worker_python") or sys.executable
    options["python.client.executable"] = sys.executable
    if savepoint:
        options["execution.savepoint.path"] = savepoint
    return options


def _environment(rest_url: str, options: Mapping[str, str]) -> Any:
    """An environment whose jobs go to the cluster at ``rest_url``, with Flink options of their own.

    PyFlink's own ``get_execution_environment`` would make a local one here whatever the configuration says.
    """
    from pyflink.common import Configuration
    from pyflink.datastream import StreamExecutionEnvironment
    from pyflink.java_gateway import get_gateway

    address = urlsplit(rest_url)
    config = Configuration()
    for name, value in options.items():
        config.set_string(name, value)
    config.set_string("execution.target", "remote")
    config.set_string("rest.address", str(address.hostname))
    config.set_string("rest.port", str(address.port))
    java_environment = get_gateway().jvm.org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    return StreamExecutionEnvironment(java_environment(config._j_configuration))  # noqa: SLF001  PyFlink has no public way


if __name__ == "__main__":
    serve({"submit": submit}, partial(hello, sys.argv[1]))
