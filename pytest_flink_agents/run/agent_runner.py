"""The object behind the fixture ``agent_runner``."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.models.script import Script, parse_script
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup, flink_setup
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.run.channel import Channel, FileChannel, MemoryChannel, TopicChannel
from pytest_flink_agents.run.effects import effect_urls, with_effects
from pytest_flink_agents.run.execute import execute
from pytest_flink_agents.run.model_channel import model_calls, model_urls
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.records import AgentRecords, Inputs
from pytest_flink_agents.run.subject import (
    AgentSubject,
    AllowedNetwork,
    require_configuration,
    require_network,
    require_routes,
    require_success,
    require_whole_record,
)
from pytest_flink_agents.run.timeline import AtStart, StartFromSavepoint, Step
from pytest_flink_agents.run.watch.logs import wrong_in_logs
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.effects import read_effects
from pytest_flink_agents.scenario.flink_options import flink_words_of_test
from pytest_flink_agents.scenario.network import allowed_addresses, read_network
from pytest_flink_agents.scenario.placeholders import substitute
from pytest_flink_agents.vocabulary import Engine, Tier

_NAME_CHARACTERS = 120


class AgentRunner:
    """Runs agents on one tier.

    The evidence of each run is also written below ``folder``.
    """

    def __init__(self, services: Services, release: FlinkRelease, tier: Tier, folder: Path) -> None:
        self.tier = tier
        self._services = services
        self._release = release
        self._folder = folder
        self._runs = 0
        self._evidence: list[Evidence] = []

    def run(
        self,
        agent: str | Mapping[str, str],
        inputs: Iterable[tuple[Any, Any]],
        *,
        config: Mapping[str, Any] | None = None,
        config_file: str | Path | None = None,
        flink_config: Mapping[str, Any] | None = None,
        resources: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        within_s: float = 60.0,
        delivery: Literal["exactly_once", "at_least_once"] | None = None,
        llm: Sequence[Mapping[str, Any]] | None = None,
        effects: Sequence[Mapping[str, Any]] = (),
        environment: Mapping[str, str] | None = None,
        network: Literal["closed", "open"] | Sequence[str] | None = None,
        savepoint: str = "",
        timeline: Sequence[Step] = (),
        check: bool = True,
    ) -> Evidence:
        """Run an agent to the end of its inputs.

        ``agent`` is ``"package.module:Class"``, ``{"yaml": path, "name": name}`` or ``{"plan":
        path}``; ``inputs`` are pairs of key and value, both JSON; ``config`` are flink-agents
        options, ``flink_config`` those of Flink, and ``config_file`` is the Flink configuration that
        will be deployed, relative to the project's root; ``resources`` are sections of upstream's
        YAML, which replace the agent's own of the same name. With ``delivery``, inputs and outputs go
        through Kafka on Flink. ``llm`` are the rules of a scripted model, in the form of a scenario's
        ``llm.script``; ``resources`` and ``config`` may then hold ``${llm.openai_url}`` and its
        siblings. ``effects`` are endpoints, in the form of a scenario's ``effects``; ``environment``
        are environment variables of the agent's process, which may hold ``${effects.NAME.url}``, as
        ``resources`` and ``config``. ``network`` is ``closed`` (the default with ``llm`` or ``effects``),
        ``open``, or the addresses that the agent may reach, like ``host:port``. The job starts from
        ``savepoint``, and the steps of ``timeline`` are performed while it runs; only tiers with Flink
        have either.

        Raises ``AgentFailedError`` for an agent that fails, misses its deadline or calls an address
        that it may not, unless ``check=False`` leaves that to the test; ``AgentRefusedError`` for one that cannot be built;
        ``HostError`` for what is the environment's fault, also with ``check=False``: a record of calls that is not
        whole, or a cluster that did not take an option; and for a limit of the network that nothing kept.
        ``ValueError`` for a wrong word.
        """
        allowed = _allowed(self._label, network, replaces=bool(llm or effects))
        self._runs += 1
        directory = self._folder / f"run-{self._runs}"
        directory.mkdir(parents=True, exist_ok=True)
        settings, parts = self._services.settings, self._services.environment(self._release)
        setup = self._setup(parts, config or {}, config_file, flink_config or {})
        parts.provide(self.tier, variant=setup.variant)
        records = [{"key": key, "value": value} for key, value in inputs]
        channel = self._channel(records, directory, parts, delivery)
        steps = [*([Step(AtStart(), StartFromSavepoint(savepoint))] if savepoint else []), *timeline]
        script = parse_script(list(llm)) if llm else Script(())
        with (
            self._services.effects(read_effects(effects), directory) as ledger,
            self._services.models.channel(script, ledger.recorder if ledger else None) as models,
        ):
            self._services.let_services_be_reached(parts, self.tier, setup.variant)
            values = model_urls(models) | effect_urls(ledger)
            subject = AgentSubject(
                name=f"{self._label}, run {self._runs}"[:_NAME_CHARACTERS],
                spec={"agent": agent, "resources": substitute(dict(resources or {}), values)},
                config={**setup.agent, **substitute(dict(config or {}), values)},
                environment=substitute(dict(environment or {}), values),
                parallelism=setup.parallelism,
                seed=settings.scenario_seed if self.tier is Tier.LOCAL else None,
                network=allowed,
            )
            place = Place(parts, self.tier, directory, setup)
            evidence = execute(subject, channel, place, steps, within_s)
        evidence = with_effects(dataclasses.replace(evidence, model_calls=model_calls(models)), ledger)
        self._evidence.append(evidence)
        write_evidence(directory, evidence, (), self._services.redactor)
        require_whole_record(evidence)
        require_configuration(evidence)
        if check:
            require_success(evidence)
            require_network(evidence, allowed, demanded=network is not None)
            require_routes(evidence)
        return evidence

    def _setup(
        self,
        environment: TestEnvironment,
        config: Mapping[str, Any],
        config_file: str | Path | None,
        flink_config: Mapping[str, Any],
    ) -> FlinkSetup:
        """Return the options of a run.

        Raises ``ScenarioError`` for a file or an option that is refused, and ``HostError`` FA440 for
        one that an external cluster cannot have.
        """
        settings = self._services.settings
        team, own = flink_words_of_test(config_file, flink_config, Project.of(settings))
        self._services.redactor.learn(team.secrets if team else ())
        engine = Engine.BUNDLED if self.tier is Tier.LOCAL else environment.engine.name
        setup = flink_setup(team, own, settings, tier=self.tier, engine=engine, config=config)
        setup.require_possible(own)
        return setup

    @property
    def _label(self) -> str:
        return self._folder.parent.name

    def _channel(self, inputs: Inputs, directory: Path, environment: TestEnvironment, delivery: str | None) -> Channel:
        if self.tier is Tier.LOCAL:
            return MemoryChannel(inputs)
        if delivery is None:
            return FileChannel(inputs, directory, AgentRecords())
        kafka, connector = self._services.kafka, environment.connector
        return TopicChannel(inputs, kafka, connector, AgentRecords(), label=self._label, guarantee=delivery)

    def wrong_in_logs(self, allow: Sequence[str]) -> list[str]:
        """Return the unexplained errors in the logs of all runs.

        Errors that match a pattern of ``allow``, or report a job's own failure, are explained.
        """
        return [line for evidence in self._evidence for line in wrong_in_logs(evidence, allow, self._services.redactor)]


def _allowed(label: str, network: str | Sequence[str] | None, *, replaces: bool = False) -> AllowedNetwork | None:
    """Return the limit of a run, None for an open network. Raises ``ValueError`` for a wrong word."""
    addresses = allowed_addresses(read_network(network), replaces=replaces)
    return None if addresses is None else AllowedNetwork(label, addresses)
