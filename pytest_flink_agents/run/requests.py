"""Turn a scenario into the subject and the channel of its run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_testbed.models.channel import Channel as ModelChannel
from pytest_flink_agents.checks.delivery import EXACTLY_ONCE
from pytest_flink_agents.provision.checkout import Checkout
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.action_topic import ActionTopic, needs_action_store
from pytest_flink_agents.run.channel import Channel, FileChannel, MemoryChannel
from pytest_flink_agents.run.conversation import Conversation, Turn
from pytest_flink_agents.run.effects import effect_urls
from pytest_flink_agents.run.fault_steps import fault_steps
from pytest_flink_agents.run.job_subject import job_subject
from pytest_flink_agents.run.model_channel import model_urls
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.portions import portions
from pytest_flink_agents.run.records import AgentRecords, JobRecords, Records
from pytest_flink_agents.run.replays import without_unnamed_store
from pytest_flink_agents.run.run_version import RunVersion
from pytest_flink_agents.run.scenario_version import ScenarioVersion
from pytest_flink_agents.run.subject import AgentSubject, AllowedNetwork, JobSubject
from pytest_flink_agents.run.timeline import Rescale, Step
from pytest_flink_agents.run.topic_channel import TopicChannel
from pytest_flink_agents.run.versions import job_of
from pytest_flink_agents.scenario.boundary.agent_files import agent_file_mistakes
from pytest_flink_agents.scenario.boundary.code_names import code_mistake
from pytest_flink_agents.scenario.boundary.project import Project
from pytest_flink_agents.scenario.error import DocumentPath, Mistake, ScenarioError
from pytest_flink_agents.scenario.held_inputs import matcher_place
from pytest_flink_agents.scenario.inputs import AllInputs, resolve_inputs
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.scenario.placeholders import KAFKA_NAMES, NAMES, format_placeholder, names_in, substitute
from pytest_flink_agents.scenario.scrub import parse_scrub
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.vocabulary import Tier

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun
    from flink_testbed.network import Proxy

_NAME_CHARACTERS = 120


def needs_kafka(settings: Settings, loaded: LoadedScenario, tier: Tier) -> bool:
    """Return whether inputs and outputs travel through Kafka.

    They do if the arguments of the user's own job name a topic, if an agent promises a delivery, or
    if an input waits for an output. Files are enough for short runs, but guarantee nothing after a
    failure, are complete before the job begins, and a remote cluster may not see them.
    """
    scenario = loaded.scenario
    if scenario.job:
        return not names_in(scenario.job.args).isdisjoint(KAFKA_NAMES)
    if tier is Tier.LOCAL:
        return False
    return scenario.sends_through_kafka or (tier is Tier.REMOTE and bool(settings.kafka_bootstrap))


def wants_replays(settings: Settings, loaded: LoadedScenario) -> bool:
    """Return whether the scenario or else the option asks to run the inputs again from their crash points."""
    stated = loaded.scenario.always_replay
    return settings.always_replay if stated is None else stated


def replays_in_memory(settings: Settings, loaded: LoadedScenario, tier: Tier) -> bool:
    """Return whether the inputs are replayed with an action state that is kept in memory."""
    return tier is Tier.LOCAL and wants_replays(settings, loaded) and not loaded.scenario.obstacle_to_replays


def keeps_actions_in_kafka(settings: Settings, loaded: LoadedScenario, tier: Tier) -> bool:
    """Return whether the session's Kafka keeps the action state of a run.

    Local replays keep it in memory, and the run that they repeat ends without a crash. So it needs a
    store only if the records themselves are expected.
    """
    delivery = loaded.scenario.expect.delivery
    expected = delivery is not None and delivery.actions is not None
    return needs_action_store(loaded) and (expected or not replays_in_memory(settings, loaded, tier))


def needs_models(loaded: LoadedScenario) -> bool:
    """Return whether a run can know the model server's address.

    A job gets it in any case, an agent by placeholders only.
    """
    scenario = loaded.scenario
    if scenario.job or scenario.llm:
        return True
    filled = (scenario.resources.sections(), scenario.config, scenario.environment)
    return not names_in(map(str, filled)).isdisjoint({*NAMES, *map(format_placeholder, loaded.model_formats)})


def placeholder_values(
    settings: Settings, models: ModelChannel | None, ledger: LedgerRun | None, proxies: Mapping[str, Proxy]
) -> dict[str, str]:
    """Return the values of placeholders, except those of the channel; ``proxies`` are those of the run."""
    urls = model_urls(models) | effect_urls(ledger)
    for proxy in proxies.values():
        urls = {name: proxy.through(url) for name, url in urls.items()}
    return urls | {f"env.{name}": os.environ[name] for name in settings.allowed_env if name in os.environ}


@dataclass(frozen=True, slots=True)
class ScenarioRequest:
    """One version of a scenario's agent in one run, with its place and the values of placeholders.

    ``actions`` is the topic of action states, None without a store in the session's Kafka. ``proxies``
    stand between the job and the services of their names.
    """

    version: ScenarioVersion
    place: Place
    values: Mapping[str, str]
    seed: int | None
    actions: ActionTopic | None = None
    proxies: Mapping[str, Proxy] = field(default_factory=dict)

    @property
    def loaded(self) -> LoadedScenario:
        """The scenario, with the words of this version."""
        return self.version.loaded

    @property
    def _services(self) -> Services:
        return self.version.services

    def channel(self) -> Channel:
        """Return the channel that the scenario's tier, delivery and arguments ask for."""
        scenario, settings = self.loaded.scenario, self._services.settings
        roots = [settings.root, *settings.python_path, self.place.environment.environment.site_packages]
        inputs = self._inputs(roots)
        conversation = _conversation(self.loaded, inputs)
        if self.place.tier is Tier.LOCAL:
            return MemoryChannel(inputs, conversation, portions(self.loaded, len(inputs)))
        records: Records = JobRecords() if scenario.job else AgentRecords()
        if not needs_kafka(settings, self.loaded, self.place.tier):
            return FileChannel(inputs, self.place.directory, records)
        delivery = scenario.expect.delivery
        return TopicChannel(
            inputs,
            self._services.kafka,
            self.place.environment.connector,
            records,
            bootstrap=self._bootstrap,
            label=self.loaded.name,
            guarantee=(delivery.outputs if delivery else None) or EXACTLY_ONCE,
            conversation=conversation,
            portions=portions(self.loaded, len(inputs)),
        )

    def _inputs(self, roots: Sequence[Path]) -> AllInputs:
        """Return the inputs; what is compared may be recorded events of production, whose secrets nothing may write."""
        if self.loaded.scenario.compare is None:
            return resolve_inputs(self.loaded, roots)
        return resolve_inputs(self.loaded, roots, self._services.redactor.data)

    @property
    def _bootstrap(self) -> str:
        """The address of Kafka for the job."""
        proxy = self.proxies.get("kafka")
        return proxy.addresses if proxy else self._services.kafka.job_bootstrap

    def subject(self, channel: Channel, version: str = "") -> AgentSubject | JobSubject:
        """Return the agent or job of the version, whose name is empty in a run of one version.

        Placeholders of the channel are filled in, too.
        """
        if self.loaded.scenario.job is None:
            return self._agent(version)
        network, checkout = self._network(), self.version.checkout
        return job_subject(self.loaded, channel, self.place, self.values, network, checkout)

    def fault_steps(self, channel: Channel, ledger: LedgerRun | None) -> tuple[Step, ...]:
        """Return the scenario's faults as steps; ``ledger`` records the run's effects."""
        faults = self.loaded.scenario.faults
        return fault_steps(faults, ledger, self.proxies, lambda parallelism: self._rescale(parallelism, channel))

    def _rescale(self, parallelism: int, channel: Channel) -> Rescale:
        assert isinstance(channel, TopicChannel), "the delivery is stated, so the inputs are in a topic"
        agent = replace(self._agent(f"parallelism {parallelism}"), parallelism=parallelism)
        return Rescale(RunVersion(job_of(parallelism), agent, self.place), channel.send_portion)

    def _agent(self, name: str) -> AgentSubject:
        scenario, run = self.loaded.scenario, self.place.directory.parent.name
        checkout = self.version.checkout
        label = f"{name} at {checkout}".strip() if checkout else name
        return AgentSubject(
            name=f"{self.loaded.name} ({f'{label}, ' if label else ''}{run})"[:_NAME_CHARACTERS],
            spec={
                "agent": self._agent_at(checkout) if checkout else _agent_spec(self.loaded),
                "resources": substitute(scenario.resources.sections(), self.values),
            },
            config=self._config(),
            environment=substitute(scenario.environment, self.values),
            network=self._network(),
            parallelism=self.place.setup.parallelism,
            seed=self.seed,
            reports_memory=scenario.expect.memory is not None or scenario.compare is not None,
            addresses={name: value for name, value in self.values.items() if not name.startswith("env.")},
        )

    def _agent_at(self, checkout: Checkout) -> Any:
        """Return the agent at a commit. Raises ``ScenarioError`` for code that is not the project's there."""
        spec = checkout.agent(_agent_spec(self.loaded), self.loaded.root)
        project = Project.of(checkout.settings(self._services.settings))
        place: DocumentPath = ("upgrade", "from") if self.loaded.scenario.upgrade else ("compare", "baseline")
        if mistakes := list(_code_mistakes(spec, place, project)):
            raise ScenarioError(*map(self.loaded.document.problem, mistakes))
        return spec

    def _config(self) -> dict[str, Any]:
        config = {
            **self.place.setup.agent,
            **(self.actions.options(self._bootstrap) if self.actions else {}),
            **substitute(self.loaded.scenario.config, self.values),
        }
        in_memory = replays_in_memory(self._services.settings, self.loaded, self.place.tier)
        return without_unnamed_store(config) if in_memory else config

    def _network(self) -> AllowedNetwork | None:
        scenario = self.loaded.scenario
        allowed = scenario.allowed_addresses()
        return None if allowed is None else AllowedNetwork(scenario.name, allowed)


def _code_mistakes(agent: Any, place: DocumentPath, project: Project) -> Iterator[Mistake]:
    """Yield the code of a version at another commit that is no code of the project there."""
    if isinstance(agent, str):
        mistake = code_mistake(agent, place, project)
        yield from [mistake] if mistake else []
        return
    for word in ("yaml", "plan"):
        if word in agent:
            yield from agent_file_mistakes(Path(agent[word]), (*place, word), project)


def _conversation(loaded: LoadedScenario, inputs: AllInputs) -> Conversation | None:
    """Return the inputs that wait for outputs, None if none does."""
    turns = {
        inputs.first_of(entry): Turn(entry, loaded.matchers[matcher_place(entry)])
        for entry in loaded.scenario.held_inputs
    }
    scrub = [parse_scrub(text) for text in loaded.scenario.scrub]
    return Conversation(inputs, turns, scrub) if turns else None


def _agent_spec(loaded: LoadedScenario) -> Any:
    """Return the agent in the form that the runtime takes.

    A class reference stays unchanged, a file is named by its full path.
    """
    agent = loaded.scenario.agent
    if agent is None or isinstance(agent, str):
        return agent
    fields = agent.model_dump(by_alias=True, exclude_none=True)
    files = ("yaml", "plan", "jar")
    return {name: str(loaded.path(value)) if name in files else value for name, value in fields.items()}
