"""The object behind the fixture ``agent_runner``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.ledger.ledger import LedgerRun
from flink_testbed.ledger.routes import Route
from flink_testbed.models.channel import Channel as ModelChannel
from flink_testbed.models.script import Script, parse_script
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.environment import TestEnvironment
from pytest_flink_agents.provision.flink_setup import FlinkSetup, flink_setup
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.run.channel import Channel, FileChannel, MemoryChannel
from pytest_flink_agents.run.effects import effect_urls
from pytest_flink_agents.run.model_channel import model_urls
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.prepared_run import PreparedRun, run_prepared, with_replays
from pytest_flink_agents.run.records import AgentRecords, Inputs
from pytest_flink_agents.run.replays import REPLAYED_TIERS, has_action_store, unreplayed_place, without_unnamed_store
from pytest_flink_agents.run.stated import Delivery, delivery_of, read_expect, require_stated
from pytest_flink_agents.run.subject import (
    AgentSubject,
    AllowedNetwork,
    require_configuration,
    require_network,
    require_replays,
    require_routes,
    require_success,
    require_whole_record,
)
from pytest_flink_agents.run.timeline import AtStart, StartFromSavepoint, Step
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.run.watch.logs import wrong_in_logs
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.counted_answers import counted_answer
from pytest_flink_agents.scenario.effects import read_effects
from pytest_flink_agents.scenario.flink_options import flink_words_of_test
from pytest_flink_agents.scenario.loaded import LoadedScenario
from pytest_flink_agents.scenario.network import allowed_addresses, read_network
from pytest_flink_agents.scenario.placeholders import substitute
from pytest_flink_agents.vocabulary import Engine, Tier

_NAME_CHARACTERS = 120


class AgentRunner:
    """Runs agents on one tier.

    The evidence of each run is also written below ``folder``. ``project`` has the matchers and model
    formats that plugins add; ``again`` is the command that repeats the test.
    """

    def __init__(
        self,
        services: Services,
        release: FlinkRelease,
        tier: Tier,
        folder: Path,
        *,
        project: Project,
        again: str = "pytest",
    ) -> None:
        self.tier = tier
        self._again = again
        self._project = project
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
        delivery: Delivery | None = None,
        llm: Sequence[Mapping[str, Any]] | None = None,
        effects: Sequence[Mapping[str, Any]] = (),
        environment: Mapping[str, str] | None = None,
        network: Literal["closed", "open"] | Sequence[str] | None = None,
        savepoint: str = "",
        timeline: Sequence[Step] = (),
        always_replay: bool | None = None,
        expect: Mapping[str, Any] | None = None,
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
        have either. ``always_replay`` runs the inputs again from every point at which the process could
        have died, on the local and the embedded tier; the default is what ``--flink-always-replay`` says. ``expect``
        states the run in the words of a scenario's ``expect``.

        Raises ``AgentFailedError`` for an agent that fails, misses its deadline, calls an address that
        it may not, ends otherwise in a replay or does not do what is expected, unless ``check=False``
        leaves that to the test; ``AgentRefusedError`` for one that cannot be built; ``HostError`` for
        what is the environment's fault, also with ``check=False``: a record of calls that is not whole,
        or a cluster that did not take an option; for a limit of the network that nothing kept, and for
        an expectation that the evidence cannot show. ``ValueError`` for a wrong word.
        """
        allowed = _allowed(self._label, network, replaces=bool(llm or effects))
        stated = self._stated(expect, llm or (), effects, check=check, always_replay=bool(always_replay))
        delivery = delivery_of(delivery, stated)
        self._runs += 1
        directory = self._folder / f"run-{self._runs}"
        directory.mkdir(parents=True, exist_ok=True)
        settings, parts = self._services.settings, self._services.environment(self._release)
        setup = self._setup(parts, config or {}, config_file, flink_config or {})
        parts.provide(self.tier, variant=setup.variant)
        records = [{"key": key, "value": value} for key, value in inputs]
        steps = [*([Step(AtStart(), StartFromSavepoint(savepoint))] if savepoint else []), *timeline]
        routes, whole_config = read_effects(effects), {**setup.agent, **(config or {})}
        obstacle = stated.scenario.obstacle_to_replays if stated else counted_answer(routes, llm or ())
        replayed = self._is_replayed(always_replay, "timeline" if steps else obstacle, parts)
        in_memory = replayed and self.tier is Tier.LOCAL

        def subject(values: Mapping[str, str]) -> AgentSubject:
            return AgentSubject(
                name=f"{self._label}, run {self._runs}"[:_NAME_CHARACTERS],
                spec={"agent": agent, "resources": substitute(dict(resources or {}), values)},
                config=substitute(without_unnamed_store(whole_config) if in_memory else whole_config, values),
                environment=substitute(dict(environment or {}), values),
                parallelism=setup.parallelism,
                seed=settings.scenario_seed if self.tier is Tier.LOCAL else None,
                network=allowed,
                reports_memory=stated is not None and stated.scenario.expect.memory is not None,
            )

        @contextmanager
        def prepare(directory: Path) -> Iterator[PreparedRun]:
            place = Place(parts, self.tier, directory, setup)
            with self._served(place, routes, llm) as (values, ledger, models):
                channel = self._channel(records, directory, parts, delivery)
                yield PreparedRun(subject(values), channel, place, steps, ledger, models)

        evidence = run_prepared(prepare, directory, within_s)
        if replayed:
            stored = has_action_store(whole_config)
            evidence = with_replays(evidence, prepare, directory / "replays", within_s, with_store=stored)
        self._evidence.append(evidence)
        write_evidence(directory, evidence, (), self._services.redactor)
        require_whole_record(evidence)
        require_configuration(evidence)
        if check and stated is None:
            require_success(evidence)
        if check:
            require_network(evidence, allowed, demanded=network is not None)
            require_routes(evidence)
            require_replays(evidence, demanded=bool(always_replay))
        if stated is not None:
            self._require_stated(stated, evidence, directory)
        return evidence

    def _require_stated(self, stated: LoadedScenario, evidence: Evidence, directory: Path) -> None:
        whole = os.path.relpath(directory / "evidence.json")
        again = self._again if evidence.seed is None else f"{self._again} --scenario-seed={evidence.seed}"
        services = self._services
        require_stated(stated, evidence, services.settings.prices, services.redactor, whole=whole, again=again)

    def _stated(
        self,
        expect: Mapping[str, Any] | None,
        llm: Sequence[Mapping[str, Any]],
        effects: Sequence[Mapping[str, Any]],
        *,
        check: bool,
        always_replay: bool,
    ) -> LoadedScenario | None:
        """Return the expectations of a run, None without any. Raises ``ValueError`` for wrong ones."""
        if expect is None:
            return None
        if not check:
            raise ValueError("expect beside check=False: what is expected would not be checked")
        return read_expect(
            expect,
            tier=self.tier,
            llm=llm,
            effects=effects,
            project=self._project,
            # The runner itself refuses them on the other tiers.
            always_replay=always_replay and self.tier in REPLAYED_TIERS,
        )

    def _is_replayed(self, always_replay: bool | None, obstacle: str, environment: TestEnvironment) -> bool:
        """Return whether the inputs are replayed. Raises ``ValueError`` if they cannot be, and must."""
        engine = Engine.BUNDLED if self.tier is Tier.LOCAL else environment.engine.name
        unreplayed = unreplayed_place(self.tier, engine)
        if always_replay and unreplayed:
            raise ValueError(f"always_replay: inputs are not replayed, because of {unreplayed}")
        if always_replay and obstacle:
            raise ValueError(f"always_replay: {obstacle} cannot be given again: remove one of the two")
        wanted = self._services.settings.always_replay if always_replay is None else always_replay
        if wanted and (unreplayed or obstacle):
            self._services.progress(f"{self._label}: not replayed, because of {unreplayed or obstacle}")
        return wanted and not (unreplayed or obstacle)

    @contextmanager
    def _served(
        self, place: Place, routes: Sequence[Route], llm: Sequence[Mapping[str, Any]] | None
    ) -> Iterator[tuple[Mapping[str, str], LedgerRun | None, ModelChannel]]:
        """Serve endpoints and a model; yield the values of placeholders, and both."""
        script, formats = parse_script(list(llm)) if llm else Script(()), self._project.model_formats or {}
        with (
            self._services.ledger.serve(routes, place.directory) as ledger,
            self._services.models.channel(script, ledger.recorder if ledger else None, formats) as models,
        ):
            self._services.let_services_be_reached(place.environment, self.tier, place.setup.variant)
            yield model_urls(models) | effect_urls(ledger), ledger, models

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
        team, own = flink_words_of_test(config_file, flink_config, self._project)
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
