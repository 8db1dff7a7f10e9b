"""Build agent jobs and submit them, in a warm process.

Started as ``python -m flink_agents_runtime.on_flink.submitter bundled|upstream``. Imports and the
client JVM are paid for once; each further job is submitted in a fraction of a second.

A job's code is either on the PYTHONPATH of the TaskManagers, or shipped with the job by Flink.
Shipped code needs process mode, in which each job has its own Python processes. In thread mode all
jobs of a TaskManager share one interpreter, which keeps the modules of the first job: on 2.2.1 the
second job ran the first one's version, or its package was deleted with the first job's files.
Environment variables of one agent need process mode for the same reason. Process mode is slower,
and a TaskManager then listens for its Python processes on all interfaces
unless the cluster was started on this machine by this project.
"""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Mapping
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flink_agents_runtime.channel import RequestError, serve

_CAUSE = "Caused by: "
_MODE = "python.execution-mode"
_JARS = "pipeline.jars"
# The cluster accepted the job and cannot initialise it. Any other error of a submission is not the job's fault.
_NOT_BEGUN = "JobInitializationException"


def hello(engine: str) -> dict[str, Any]:
    """Import the job's modules and start the client JVM."""
    from pyflink.java_gateway import get_gateway

    from flink_agents_runtime.on_flink.gateway import use_gateway_token

    _import_descriptors()
    use_gateway_token()
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


def _import_descriptors() -> None:
    """Import the package of PyFlink's function descriptors without Apache Beam and pandas.

    The package imports them to choose how workers read records, and goes without them if it has to. A client only
    writes descriptors, and each import would cost it a second at its first job (PyFlink 1.20 to 2.3). Later imports, such
    as those of an agent, find them. A process that has imported Apache Beam already has paid for it, and keeps it.
    """
    if "apache_beam" in sys.modules:
        return
    sys.modules["apache_beam"] = None  # type: ignore[assignment]  # This makes an import fail.
    try:
        from pyflink import fn_execution

        assert fn_execution
    finally:
        del sys.modules["apache_beam"]


def submit(request: dict[str, Any]) -> dict[str, Any]:
    """Build and submit the job of a request, and describe it.

    Returns ``job_id``, ``python_mode`` (of the bundled engine), ``config`` (every option with its
    source), ``listeners`` (actions by event type; bundled engine only) and ``plan`` (upstream's engine
    only): the JSON text that was ``written``, and what another ``reader`` has ``read``, or its ``error``.
    With ``upstream_jars`` (paths) upstream's operator runs the agent, else the bundled one.
    ``user_jars`` are those that the job brings. ``ship`` lists zips and directories that travel with the
    job, ``worker_python`` is the workers' interpreter if it differs from this one, and ``savepoint`` is
    the savepoint to start from. With ``reports_memory`` the bundled operator writes the memory of each key beside
    the event log. ``environment`` are environment variables of the agent's process, and
    ``network`` is the limit of its connections, None without one; upstream's operator has none.
    Raises RequestError of kind "plan" for them with upstream's operator and in thread mode, and for a savepoint of the
    other mode of Python.
    """
    from flink_agents_runtime.on_flink.mode import require_streaming

    jars = request["upstream_jars"]
    options = _job_options(request)
    if request.get("savepoint") and not jars:
        # Not for upstream's engine: older releases of flink-agents lack what the bundled one imports.
        from flink_agents_runtime.on_flink.stored_savepoint import require_mode

        require_mode(request["savepoint"], options[_MODE])
    env = _environment(request["rest_url"], options)
    require_streaming(env)
    for path in request.get("ship") or ():
        env.add_python_file(path)
    with _user_classes(request):
        described = _add_upstream_job(env, request) if jars else _add_bundled_job(env, request, options[_MODE])
        client = _accepted(env, request["name"])
    return {"job_id": str(client.get_job_id()), "python_mode": "" if jars else options[_MODE], **described}


def plan(request: dict[str, Any]) -> dict[str, Any]:
    """Return the plan of a request's agent as JSON text, without submitting a job."""
    from flink_agents_runtime.network import limited_by
    from flink_agents_runtime.on_flink.agent_process import environment_of
    from flink_agents_runtime.plan.as_json import plan_as_json

    with environment_of(request.get("environment") or {}), limited_by(request.get("network")):
        text, _ = plan_as_json(request["agent_spec"], config=request["config"])
    return {"plan": text}


def savepoint(request: dict[str, Any]) -> dict[str, Any]:
    """Detach the savepoint of a request from its source and sink."""
    from flink_agents_runtime.on_flink.stored_savepoint import detach_savepoint

    return detach_savepoint(request)


def _user_classes(request: Mapping[str, Any]) -> contextlib.AbstractContextManager[None]:
    """Add the jars that the job brings to the client's JVM for a block, after those of upstream."""
    if not request.get("user_jars"):
        return contextlib.nullcontext()
    from flink_agents_runtime.on_flink.java_classes import class_path
    from flink_agents_runtime.on_flink.upstream import add_upstream_jars

    add_upstream_jars(request["upstream_jars"])
    return class_path(request["user_jars"])


def _accepted(env: Any, name: str) -> Any:
    """Submit the job.

    Raises RequestError of kind "plan" if the cluster cannot initialise it (a missing savepoint).
    """
    try:
        return env.execute_async(name)
    except Exception as error:
        causes = [line for line in str(error).splitlines() if line.startswith(_CAUSE)]
        if _NOT_BEGUN not in str(error) or not causes:
            raise
        seen = causes[-1].removeprefix(_CAUSE)
        raise RequestError("plan", "Flink rejected the job", seen=seen) from error


def _add_bundled_job(env: Any, request: Mapping[str, Any], mode: str) -> dict[str, Any]:
    from flink_agents_runtime.config.configuration import explained
    from flink_agents_runtime.java.parts import require_java_parts
    from flink_agents_runtime.network import limited_by
    from flink_agents_runtime.on_flink.agent_process import environment_of
    from flink_agents_runtime.on_flink.job import build_job
    from flink_agents_runtime.on_flink.limited_operator import with_limit
    from flink_agents_runtime.on_flink.operator import AgentOperator
    from flink_agents_runtime.on_flink.replay_operator import ReplayOperator, ReplayScript
    from flink_agents_runtime.on_flink.source_and_sink import source_and_sink_of
    from flink_agents_runtime.plan.build import build_plan
    from flink_agents_runtime.plan.listeners import listeners_of
    from flink_agents_runtime.stores.settings import check_store

    variables, limit = request.get("environment") or {}, request.get("network")
    with environment_of(variables), limited_by(limit):
        plan = build_plan(request["agent_spec"], config=request["config"])
        require_java_parts(plan)
    check_store(plan.config)
    text, name, replay = plan.model_dump_json(serialize_as_any=True), request["name"], request.get("replay")
    if replay is None:
        operator = AgentOperator(text, name, variables, reports_memory=request.get("reports_memory", False))
    else:
        operator = ReplayOperator(text, name, ReplayScript.of(replay, exits=mode == "process"), variables)
    build_job(
        env,
        with_limit(operator, limit),
        connectors=source_and_sink_of(request["source_and_sink"]),
        parallelism=request["parallelism"],
    )
    return {"config": explained(plan.config), "listeners": listeners_of(plan), "actions": [], "plan_text": text}


def _add_upstream_job(env: Any, request: Mapping[str, Any]) -> dict[str, Any]:
    from flink_agents_runtime.on_flink.java_classes import java_agent_plan, java_class, through_java
    from flink_agents_runtime.on_flink.source_and_sink import source_and_sink_of
    from flink_agents_runtime.on_flink.upstream import (
        add_upstream_jars,
        build_java_job,
        build_upstream_job,
        planned_actions,
    )
    from flink_agents_runtime.plan.as_json import plan_as_json, reading_of, through_python

    if request.get("environment"):
        raise RequestError(
            "plan",
            "upstream's engine cannot give an agent environment variables of its own",
            expected="no environment, or the bundled engine",
            seen=f"environment: {', '.join(request['environment'])}",
            next_step="run the scenario with --flink-engine=bundled, or only on the local tier",
        )
    agent, connectors = request["agent_spec"]["agent"], source_and_sink_of(request["source_and_sink"])
    config: list[dict[str, Any]] = []
    if isinstance(agent, Mapping) and "class" in agent:
        plan = java_agent_plan(agent["class"], request["config"])
        java_class(agent["input_class"])
        build_java_job(env, plan, agent["input_class"], connectors=connectors, parallelism=request["parallelism"])
        read = reading_of("Python", plan, through_python)
    else:
        plan, config = plan_as_json(request["agent_spec"], config=request["config"])
        if not request.get("user_jars"):
            add_upstream_jars(request["upstream_jars"])
        # A plan that Java cannot read is refused here: nothing is submitted.
        read = {"reader": "Java", "written": plan, "read": through_java(plan), "error": ""}
        build_upstream_job(env, plan, connectors=connectors, parallelism=request["parallelism"])
    return {"config": config, "listeners": {}, "actions": planned_actions(plan), "plan": read, "plan_text": plan}


def _job_options(request: Mapping[str, Any]) -> dict[str, str]:
    """Return the Flink options of one job and its Python processes."""
    options = dict(request.get("flink_config") or {})
    ship, savepoint = request.get("ship"), request.get("savepoint")
    alone = bool(ship or request.get("environment"))
    mode = options.setdefault(_MODE, "process" if alone else "thread")
    if alone and mode == "thread":
        what = "run code that is shipped with the job" if ship else "give a job environment variables of its own"
        other = "the code on the PYTHONPATH of the TaskManagers" if ship else "no environment"
        raise RequestError(
            "plan",
            f"thread mode cannot {what}",
            expected=f"python.execution-mode: process, or {other}",
            seen="python.execution-mode: thread",
            next_step="remove that option",
        )
    # Without this option the workers start the "python" of their PATH.
    options["python.executable"] = request.get("worker_python") or sys.executable
    options["python.client.executable"] = sys.executable
    if savepoint:
        options["execution.savepoint.path"] = savepoint
    if request.get("user_jars"):
        # As addresses, since the client copies them from there to the cluster.
        added = [Path(jar).as_uri() for jar in request["user_jars"]]
        options[_JARS] = ";".join([*filter(None, [options.get(_JARS)]), *added])
    return options


def _environment(rest_url: str, options: Mapping[str, str]) -> Any:
    """Return an environment that submits to the cluster at ``rest_url``.

    PyFlink's own ``get_execution_environment`` returns a local one here, whatever the options say.
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
    return StreamExecutionEnvironment(java_environment(config._j_configuration))  # noqa: SLF001  PyFlink has no public accessor


if __name__ == "__main__":
    serve({"submit": submit, "plan": plan, "detach_savepoint": savepoint}, partial(hello, sys.argv[1]))
