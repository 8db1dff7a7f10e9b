"""Agents from Python tests: what the fixture ``agent_runner`` gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from flink_testbed.artifacts.versions import FlinkRelease
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.services import RunSession
from pytest_flink_agents.run.log_watch import LogWatch, wrong_in_logs
from pytest_flink_agents.run.scenario_run import RUNNERS, RunRequest
from pytest_flink_agents.run.transport import KafkaTransport


class AgentRunner:
    """Runs agents on one tier. The evidence of each run is also kept below ``folder``."""

    def __init__(self, session: RunSession, release: FlinkRelease, tier: str, folder: Path) -> None:
        self.tier = tier
        self._session = session
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
        resources: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
        within_s: float = 60.0,
        delivery: Literal["exactly_once", "at_least_once"] | None = None,
    ) -> Evidence:
        """Run an agent to the end of its inputs.

        ``agent`` is ``"package.module:Class"``, ``{"yaml": path, "name": name}`` or ``{"plan": path}``; ``inputs`` are
        pairs of key and value, both JSON; ``config`` are flink-agents options; ``resources`` are sections of upstream's
        YAML, which take the place of the agent's own of the same name. With ``delivery`` inputs and outputs go through
        Kafka on Flink. An agent that fails, or is not done in time, is told in the evidence. Raises ``AgentRefusedError``
        for an agent that cannot be built, ``HostError`` for what is the machine's fault.
        """
        self._runs += 1
        directory = self._folder / f"run-{self._runs}"
        directory.mkdir(parents=True, exist_ok=True)
        workplace = self._session.workplace(self._release)
        transport = None
        if delivery and self.tier != "local":
            label = self._folder.parent.name
            transport = KafkaTransport(self._session.kafka, workplace.connector, label=label, guarantee=delivery)
        request = RunRequest(
            name=f"{self._folder.parent.name}, run {self._runs}"[:120],
            agent_spec={"agent": agent, "resources": dict(resources or {})},
            config=dict(config or {}),
            inputs=[{"key": key, "value": value} for key, value in inputs],
            within_s=within_s,
            directory=directory,
            parallelism=self._session.settings.parallelism,
            seed=self._session.settings.scenario_seed if self.tier == "local" else None,
            transport=transport,
        )
        self._session.let_services_be_reached(workplace, self.tier)
        logs = LogWatch(workplace.cluster(self.tier)) if self.tier != "local" else None
        evidence = RUNNERS[self.tier](request, workplace)
        if logs:
            errors = logs.collect(directory / "logs", evidence.job_id)
            evidence = dataclasses.replace(evidence, log_errors=errors)
        self._evidence.append(evidence)
        self._session.write_evidence(directory, evidence, ())
        return evidence

    def wrong_in_logs(self, allow: Sequence[str]) -> list[str]:
        """What the cluster logged in all runs that neither ``allow`` (patterns) nor a job's own failure explains."""
        return [line for evidence in self._evidence for line in wrong_in_logs(evidence, allow, self._session.redactor)]
