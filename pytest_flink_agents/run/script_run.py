"""Users' scripts from Python tests: what the fixture ``agent_script`` gives."""

from __future__ import annotations

from pathlib import Path

from flink_testbed.artifacts.versions import FlinkRelease
from flink_testbed.core import clock
from pytest_flink_agents.evidence.event_log import read_event_logs
from pytest_flink_agents.evidence.job_failure import failure_of
from pytest_flink_agents.evidence.model import Evidence, Output
from pytest_flink_agents.provision.engine_choice import BUNDLED
from pytest_flink_agents.provision.services import RunSession

# What a script may need beyond its time: imports before, the end of a stuck one after.
_MARGIN_S = 30.0


class AgentScript:
    """Runs scripts in the job environment, without Flink. The evidence of each run is also kept below ``folder``."""

    def __init__(self, session: RunSession, release: FlinkRelease, folder: Path) -> None:
        self._session = session
        self._release = release
        self._folder = folder
        self._runs = 0

    def __call__(self, script: str | Path, *arguments: str, within_s: float = 60.0) -> Evidence:
        """Run a script as ``python SCRIPT ARGUMENTS`` would, relative to pytest's root.

        ``AgentsExecutionEnvironment.get_execution_environment()`` gives it the bundled engine's local environment. The
        evidence has the outputs and events of all its environments, in the order in which it made them, and the file with
        its prints as ``files["stdout"]``. What it raises is the evidence's failure. Raises FileNotFoundError for a script
        that is not there, ``HostError`` for what is the machine's fault.
        """
        settings = self._session.settings
        path = settings.root / script
        if not path.is_file():
            raise FileNotFoundError(f"no script {path}; paths are relative to pytest's root {settings.root}")
        self._runs += 1
        directory = self._folder / f"script-{self._runs}"
        events, stdout = directory / "events", directory / "stdout.txt"
        events.mkdir(parents=True, exist_ok=True)
        started = clock.now_s()
        result = (
            self._session.workplace(self._release)
            .worker()
            .request(
                "script",
                timeout_s=within_s + _MARGIN_S,
                path=str(path),
                arguments=list(arguments),
                seed=settings.scenario_seed,
                events=str(events),
                stdout=str(stdout),
                deadline_s=within_s,
            )
        )
        failure = result["failure"]
        evidence = Evidence(
            tier="local",
            flink_version=self._release.version,
            engine=BUNDLED,
            outputs=tuple(Output(output["key"], output["value"]) for output in result["outputs"]),
            events=read_event_logs(events),
            failure=failure_of(failure) if failure else None,
            job_state="FAILED" if failure else "FINISHED",
            timings_s={"total": clock.now_s() - started},
            files={"events": str(events), "stdout": str(stdout)},
            seed=settings.scenario_seed,
        )
        self._session.write_evidence(directory, evidence, ())
        return evidence
