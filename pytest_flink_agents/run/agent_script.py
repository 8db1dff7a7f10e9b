"""The object behind the fixture ``agent_script``."""

from __future__ import annotations

from pathlib import Path

from flink_testbed.artifacts.versions import FlinkRelease
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.report.evidence_file import write_evidence
from pytest_flink_agents.run.channel import MemoryChannel
from pytest_flink_agents.run.execute import execute
from pytest_flink_agents.run.place import Place
from pytest_flink_agents.run.subject import ScriptSubject, require_success
from pytest_flink_agents.vocabulary import Tier


class AgentScript:
    """Runs scripts in the job environment, without Flink.

    The evidence of each run is also written below ``folder``.
    """

    def __init__(self, services: Services, release: FlinkRelease, folder: Path) -> None:
        self._services = services
        self._release = release
        self._folder = folder
        self._runs = 0

    def __call__(self, script: str | Path, *arguments: str, within_s: float = 60.0, check: bool = True) -> Evidence:
        """Run a script as ``python SCRIPT ARGUMENTS`` would, relative to pytest's root.

        ``AgentsExecutionEnvironment.get_execution_environment()`` gives it the bundled engine's
        local environment. The evidence has the outputs and events of all its environments, in the
        order in which it made them; ``files["stdout"]`` holds what it printed. With ``check=False``
        an exception that it raises is the evidence's failure.

        Raises ``AgentFailedError`` for a script that raises, FileNotFoundError for one that does
        not exist, and ``HostError`` for what is the environment's fault.
        """
        settings = self._services.settings
        path = settings.root / script
        if not path.is_file():
            raise FileNotFoundError(f"no script {path}; paths are relative to pytest's root {settings.root}")
        self._runs += 1
        directory = self._folder / f"script-{self._runs}"
        directory.mkdir(parents=True, exist_ok=True)
        environment = self._services.environment(self._release)
        environment.provide(Tier.LOCAL)
        evidence = execute(
            ScriptSubject(path, arguments, settings.scenario_seed),
            MemoryChannel(),
            Place(environment, Tier.LOCAL, directory),
            deadline_s=within_s,
        )
        write_evidence(directory, evidence, (), self._services.redactor)
        if check:
            require_success(evidence)
        return evidence
