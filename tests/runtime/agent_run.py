"""Run one agent over a few inputs in this process, as the local tier does."""

from flink_agents_runtime.local.host import LocalHost
from flink_agents_runtime.plan.build import build_plan

DEADLINE_S = 120


def run(agent, *inputs, resources=None, observers=(), **config):
    """Run an agent over ``(key, value)`` pairs; options with ``__`` for ``.`` and ``_`` for ``-``."""
    options = {name.replace("__", ".").replace("_", "-"): value for name, value in config.items()}
    plan = build_plan({"agent": agent, "resources": resources or {}}, config=options)
    records = [{"key": key, "value": value} for key, value in inputs]
    return LocalHost(plan, observers=observers).run(records, deadline_s=DEADLINE_S)


def outputs_of(agent, *inputs, **how):
    """Return the outputs of a run that must not fail, as ``(key, value)`` pairs."""
    result = run(agent, *inputs, **how)
    assert result.failure is None, result.failure.traceback_text
    assert result.timed_out_after_s is None, result.unfinished
    return [(output.key, output.value) for output in result.outputs]


def failure_of(agent, *inputs, **how):
    """Return the failure of a run that must fail."""
    failure = run(agent, *inputs, **how).failure
    assert failure is not None
    return failure


def ollama(channel, name="models", **more):
    """Return an Ollama connection to the model server, in the form of a scenario's resources."""
    return {"name": name, "clazz": "ollama", "base_url": channel.ollama_url, "request_timeout": 60, **more}
