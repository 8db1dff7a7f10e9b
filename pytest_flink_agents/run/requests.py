"""What a scenario asks to be run, with its placeholders filled in and its ways in and out chosen."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flink_testbed.models.channel import Channel
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE
from pytest_flink_agents.provision.environment import Workplace
from pytest_flink_agents.provision.services import RunSession
from pytest_flink_agents.run.job_run import JobRequest
from pytest_flink_agents.run.job_transport import JobFiles, JobTopics, JobTransport
from pytest_flink_agents.run.scenario_run import RunRequest
from pytest_flink_agents.run.transport import KafkaTransport
from pytest_flink_agents.scenario.inputs import resolve_inputs
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.model import PythonJob
from pytest_flink_agents.scenario.placeholders import KAFKA_NAMES, names_in, substitute
from pytest_flink_agents.settings import Settings


def needs_kafka(settings: Settings, loaded: LoadedScenario, tier: str) -> bool:
    """Whether inputs and outputs travel through Kafka: a job's own arguments say so, an agent's promised delivery does.

    Files are enough for short runs, but promise nothing when something fails; and a cluster elsewhere may not see them.
    """
    scenario = loaded.scenario
    if scenario.job:
        return not names_in(scenario.job.args).isdisjoint(KAFKA_NAMES)
    if tier == "local":
        return False
    return scenario.expect.delivery is not None or (tier == "remote" and bool(settings.kafka_bootstrap))


def placeholder_values(settings: Settings, channel: Channel) -> dict[str, str]:
    """What placeholders stand for in this run, but for those of a job's ways in and out."""
    values = {
        "llm.ollama_url": channel.ollama_url,
        "llm.openai_url": channel.openai_url,
        "llm.anthropic_url": channel.anthropic_url,
    }
    return values | {f"env.{name}": os.environ[name] for name in settings.allowed_env if name in os.environ}


def job_request(
    session: RunSession,
    loaded: LoadedScenario,
    tier: str,
    values: Mapping[str, str],
    workplace: Workplace,
    folder: Path,
) -> JobRequest:
    """The run of a team's own job."""
    job = loaded.scenario.job
    assert job is not None
    transport: JobTransport = JobFiles(folder)
    if needs_kafka(session.settings, loaded, tier):
        transport = JobTopics(session.kafka, workplace.connector, label=loaded.scenario.name)
    values = {**values, **transport.values}
    inputs = _inputs(session, loaded, workplace)
    return JobRequest(
        file=loaded.path(job.python if isinstance(job, PythonJob) else job.jar),
        args=tuple(substitute(list(job.args), values)),
        main_class="" if isinstance(job, PythonJob) else job.main_class or "",
        # For programs that read their settings from there: SCENARIO_LLM_OPENAI_URL is ${llm.openai_url}.
        environment={f"SCENARIO_{name.replace('.', '_').upper()}": value for name, value in values.items()},
        inputs=inputs,
        within_s=loaded.scenario.within,
        directory=folder,
        parallelism=session.settings.parallelism,
        transport=transport,
        expected_outputs=_expected_count(loaded, len(inputs)),
    )


def _expected_count(loaded: LoadedScenario, inputs: int) -> int | None:
    """How many outputs must come; None where the scenario does not tell."""
    expect = loaded.scenario.expect
    if expect.outputs:
        return len(expect.outputs)
    return inputs * expect.delivery.per_input if expect.delivery else None


def agent_request(
    session: RunSession,
    loaded: LoadedScenario,
    tier: str,
    values: Mapping[str, str],
    workplace: Workplace,
    folder: Path,
    seed: int | None,
) -> RunRequest:
    """The run of an agent."""
    scenario, settings = loaded.scenario, session.settings
    transport = None
    if needs_kafka(settings, loaded, tier):
        guarantee = scenario.expect.delivery.outputs if scenario.expect.delivery else EXACTLY_ONCE
        transport = KafkaTransport(session.kafka, workplace.connector, label=scenario.name, guarantee=guarantee)
    return RunRequest(
        name=f"{scenario.name} ({folder.parent.name})"[:120],
        agent_spec={"agent": _agent(loaded), "resources": substitute(scenario.resources.sections(), values)},
        config=substitute(scenario.config, values),
        inputs=_inputs(session, loaded, workplace),
        within_s=scenario.within,
        directory=folder,
        parallelism=settings.parallelism,
        seed=seed,
        transport=transport,
    )


def _inputs(session: RunSession, loaded: LoadedScenario, workplace: Workplace) -> Sequence[Mapping[str, Any]]:
    settings = session.settings
    return resolve_inputs(loaded, [settings.root, *settings.python_path, workplace.environment.site_packages])


def _agent(loaded: LoadedScenario) -> Any:
    """The agent as the runtime takes it: a class reference as it is, a file by its full path."""
    agent = loaded.scenario.agent
    if agent is None or isinstance(agent, str):
        return agent
    fields = agent.model_dump()
    return {name: str(loaded.path(value)) if name in ("yaml", "plan") else value for name, value in fields.items()}
