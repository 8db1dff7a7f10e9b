"""Run one scenario item: provision, execute, check and write the evidence."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core.problem import HostError
from flink_testbed.ledger.recording import Recording
from flink_testbed.ledger.routes import Route
from pytest_flink_agents.checks.comparison import Side
from pytest_flink_agents.checks.custom import CustomCheck
from pytest_flink_agents.checks.waiver import failed_run
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.replays import Replays
from pytest_flink_agents.provision.checkout import Checkout, provide_checkout
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.provision.session_clusters import CLUSTER_ABANDONED
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.run.action_topic import ActionTopic, provide_action_topic, with_action_states
from pytest_flink_agents.run.checked_run import CheckedRun, run_directory, runs_together
from pytest_flink_agents.run.comparison import recording_of, stored_side
from pytest_flink_agents.run.effects import effect_urls
from pytest_flink_agents.run.figures import figures
from pytest_flink_agents.run.judgement import lines_of
from pytest_flink_agents.run.model_source import obstacle_to_replays, served_model
from pytest_flink_agents.run.prepared_run import PreparedRun, run_prepared, with_replays
from pytest_flink_agents.run.rehearsal import rehearsal, remove_copy
from pytest_flink_agents.run.replays import has_action_store, unreplayed_place
from pytest_flink_agents.run.requests import (
    ScenarioRequest,
    keeps_actions_in_kafka,
    needs_kafka,
    placeholder_values,
    wants_replays,
)
from pytest_flink_agents.run.scenario_check import ScenarioCheck
from pytest_flink_agents.run.scenario_version import ScenarioVersion
from pytest_flink_agents.run.seeds import run_with_seeds
from pytest_flink_agents.run.subject import AgentRefusedError
from pytest_flink_agents.scenario.load import LoadedScenario
from pytest_flink_agents.vocabulary import Tier

if TYPE_CHECKING:
    from flink_testbed.ledger.ledger import LedgerRun

# The number of runs of one scenario that may lose their cluster because of other runs.
_RUNS_WITHOUT_CLUSTER = 2


@dataclass(frozen=True, slots=True)
class ScenarioRun:
    """One scenario on one tier and Flink release, ready to run.

    ``checks`` are those that plugins add to the scenario's own. With a ``recording`` of its baseline's calls, the run may
    make no others. ``commit`` has the code of its agent, None if the project has it.
    """

    services: Services
    loaded: LoadedScenario
    tier: Tier
    release: FlinkRelease
    checks: Mapping[str, CustomCheck] = field(default_factory=dict)
    recording: Recording | None = None
    commit: Checkout | None = None

    @property
    def version(self) -> ScenarioVersion:
        """The scenario's own version of its agent."""
        return ScenarioVersion(self.services, self.loaded, self.tier, self.release, self.commit)

    def baseline(self) -> ScenarioRun | None:
        """Return the run that this one is compared with, None if there is none, or if its evidence is stored.

        Its code is exported from git if the cache does not have it.

        Raises ``HostError`` FA435 if there is no such commit.
        """
        compare, services = self.loaded.scenario.compare, self.services
        if compare is None or compare.baseline.evidence:
            return None
        words = compare.baseline
        tier = Tier(words.tier) if words.tier else self.tier
        commit = provide_checkout(services.settings.root, words.git, services.progress) if words.git else None
        return dataclasses.replace(self, loaded=self.loaded.of_baseline(), tier=tier, commit=commit)

    @property
    def _keeps_actions(self) -> bool:
        return keeps_actions_in_kafka(self.services.settings, self.loaded, self.tier)

    def provision(self) -> None:
        """Start the parts that the run and its baseline need.

        Raises ``HostError`` if one cannot start; nothing is known of the scenario then.
        """
        self.provision_alone()
        if baseline := self.baseline():
            baseline.provision_alone()

    def provision_alone(self) -> None:
        """Start the parts that the run needs, whatever it is compared with."""
        versions = [version for version in (self.version, self.version.before()) if version]
        through_kafka = needs_kafka(self.services.settings, self.loaded, self.tier) or self._keeps_actions
        for version in versions:
            version.provide()
            if through_kafka:
                self.services.provide_kafka(version.environment)
        if self.loaded.scenario.effects:
            self.services.ledger.provide()

    def run_and_check(self, folder: Path, reproduce: Callable[[int | None], str]) -> CheckedRun:
        """Run the scenario, check the evidence and write it to ``folder`` (created).

        Each run of a repeated scenario has a directory of its own below ``folder``.
        """
        repeat = self.loaded.scenario.repeat
        if repeat is None:
            return self._run_with_seeds(folder, reproduce)
        folders = [folder / run_directory(number) for number in range(1, repeat.runs + 1)]
        checked = [self._run_with_seeds(one, reproduce) for one in folders]
        return runs_together(checked, repeat.required)

    def _run_with_seeds(self, folder: Path, reproduce: Callable[[int | None], str]) -> CheckedRun:
        """Run once with each seed of the session; ``reproduce`` returns the command that repeats the run with one."""

        def run_once(place: Path, directory: Path, seed: int | None) -> CheckedRun:
            return self._run_once(place, directory, seed, reproduce(seed))

        return run_with_seeds(run_once, folder, self.services.settings.seeds(self.tier))

    def _run_once(self, folder: Path, directory: Path, seed: int | None, reproduce: str) -> CheckedRun:
        """Run once; the run's files go to ``directory``, its evidence to ``folder``."""
        directory.mkdir(parents=True, exist_ok=True)
        baseline = self._baseline_side(directory / "baseline", seed)
        recording = recording_of(self.loaded, baseline) if baseline else None
        check = ScenarioCheck(self.services, self.loaded, self.checks, folder, reproduce)
        try:
            evidence = dataclasses.replace(self, recording=recording).evidence_of_usable_cluster(directory, seed)
        except AgentRefusedError as error:
            engine = self.version.engine.value
            checked = check.refused(
                error, Evidence(self.tier.value, self.release.version, engine, job_state="not built")
            )
        else:
            checked = check.checked(evidence, baseline)
        name, places = self.loaded.name, [lines_of(self.loaded, finding) for finding in checked.findings]
        write_evidence(folder, checked.evidence, checked.results, self.services.redactor, name, places)
        return dataclasses.replace(
            checked,
            waiver=check.waiver_answer(checked),
            failed_runs=() if checked.valid else (failed_run(checked.results, checked.evidence),),
            figures=figures(self.loaded.scenario, checked.evidence, self.services.settings.prices),
        )

    def _baseline_side(self, directory: Path, seed: int | None) -> Side | None:
        """Return the run that this one is compared with, None without one; its files go to ``directory``."""
        compare, run = self.loaded.scenario.compare, self.baseline()
        if compare is None:
            return None
        if run is None:
            return stored_side(self.loaded)
        name = f"baseline {compare.baseline.name}"
        directory.mkdir(parents=True)
        try:
            evidence = run.evidence_of_usable_cluster(directory, seed)
        except AgentRefusedError as error:
            return Side(name, None, f"the baseline could not be built: {error.problem.message}")
        write_evidence(directory, evidence, (), self.services.redactor, self.loaded.name)
        return Side(name, evidence)

    def evidence_of_usable_cluster(self, directory: Path, seed: int | None) -> Evidence:
        """Run once, and again in another directory if another run's job has ended the cluster.

        Nothing is known of a run that lost its cluster.
        """
        for number in range(1, _RUNS_WITHOUT_CLUSTER + 1):
            try:
                return self._evidence(directory, seed)
            except HostError as error:
                if error.problems[0].code != CLUSTER_ABANDONED:
                    raise
                self.services.progress(f"{self.loaded.scenario.name}: {error.problems[0].message}; running it again")
            directory /= f"again-{number}"
            directory.mkdir()
            self.provision()
        return self._evidence(directory, seed)

    def _evidence(self, directory: Path, seed: int | None) -> Evidence:
        scenario, within_s = self.loaded.scenario, self.loaded.scenario.within
        evidence = run_prepared(lambda place: self._prepared(place, seed, self._action_topic()), directory, within_s)
        if not wants_replays(self.services.settings, self.loaded):
            return evidence
        if obstacle := (
            scenario.obstacle_to_replays
            or unreplayed_place(self.tier, self.version.engine)
            or obstacle_to_replays(self.services, self.loaded)
        ):
            self.services.progress(f"{scenario.name}: not replayed, because of {obstacle}")
            # Without replays a scenario that states them proves nothing; the option takes them where they can be.
            missing = Replays(unknown=f"not replayed, because of {obstacle}") if scenario.always_replay else None
            return dataclasses.replace(evidence, replays=missing)
        with_store = has_action_store({**self.version.setup.agent, **scenario.config})
        evidence = with_replays(
            evidence,
            lambda place: self._prepared(place, seed, self._topic_of_replays()),
            directory / "replays",
            within_s,
            with_store=with_store,
        )
        if evidence.replays is not None:
            self.services.progress(f"{scenario.name}: {evidence.replays}")
        return evidence

    @contextlib.contextmanager
    def _prepared(
        self, directory: Path, seed: int | None, topic: AbstractContextManager[ActionTopic | None]
    ) -> Iterator[PreparedRun]:
        """Serve the endpoints, the model and the topic of action states, and yield a run that uses them."""
        scenario, version = self.loaded.scenario, self.version
        before = version.before()
        own = directory / "candidate" if scenario.both_alive else directory
        own.mkdir(exist_ok=True)
        place = version.place(own)
        environment, variant = place.environment, place.setup.variant
        routes = tuple(effect.as_route() for effect in scenario.effects or ())
        with (
            topic as actions,
            self.services.ledger.serve(routes, directory, self.recording) as ledger,
            self._shadow_of(ledger, routes, directory) as shadow,
            served_model(self.services, self.loaded, ledger) as models,
            self.services.proxies(scenario.disturbed_links, lambda: place.cluster) as proxies,
        ):
            self.services.let_services_be_reached(environment, self.tier, variant, proxies.values())
            values = placeholder_values(self.services.settings, models, ledger, proxies)
            values_beside = values | effect_urls(shadow)
            request = ScenarioRequest(version, place, values_beside, seed, actions, proxies)
            channel = request.channel()
            subject, steps = request.subject(channel), request.fault_steps(channel, ledger)
            if before is not None:
                # With the addresses of the version that serves, also if this one is held back beside it.
                earlier = dataclasses.replace(request, version=before, place=before.place(directory), values=values)
                self.services.let_services_be_reached(before.environment, self.tier, earlier.place.setup.variant)
                (_, subject, place), steps = rehearsal(request, earlier, channel, ledger)
            try:
                yield PreparedRun(
                    subject,
                    channel,
                    place,
                    steps,
                    ledger,
                    models,
                    lambda evidence: with_action_states(evidence, actions, self.loaded),
                )
            finally:
                remove_copy(own)

    def _shadow_of(
        self, ledger: LedgerRun | None, routes: Sequence[Route], directory: Path
    ) -> AbstractContextManager[LedgerRun | None]:
        """Serve the endpoints to a version that is alive beside another one; None if there is none."""
        upgrade = self.loaded.scenario.upgrade
        if upgrade is None or not upgrade.both_alive:
            return contextlib.nullcontext()
        exact = not any(text.startswith("effects") for text in upgrade.allow)
        return self.services.ledger.shadow(ledger, routes, directory, exact=exact)

    def _action_topic(self) -> AbstractContextManager[ActionTopic | None]:
        """Create the topic of action states for a block; None if the run needs none."""
        if not self._keeps_actions:
            return contextlib.nullcontext()
        return contextlib.closing(provide_action_topic(self.services.kafka, self.loaded))

    def _topic_of_replays(self) -> AbstractContextManager[ActionTopic | None]:
        """Create the topic for replays; None on the local tier, where they keep action states in memory."""
        return contextlib.nullcontext() if self.tier is Tier.LOCAL else self._action_topic()
