"""What one test session is going to do and has done: settings, releases, running parts, results, run folder.

Made by the plugin when the first scenario file is collected, or when a verdict is asked for; never otherwise.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_testbed.artifacts.versions import FlinkRelease, resolve_flink
from pytest_flink_agents import __version__
from pytest_flink_agents.gate import ItemResult, Policy, Verdict, decide
from pytest_flink_agents.provision.job_parts import unwritable
from pytest_flink_agents.provision.reuse import left_lines
from pytest_flink_agents.provision.services import RunSession
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.report.directory import make_run_folder, node_folder, run_folder_name
from pytest_flink_agents.report.event_writer import EventWriter
from pytest_flink_agents.report.json_files import digest_of, write_json, write_verdict
from pytest_flink_agents.report.junit import write_junit
from pytest_flink_agents.report.summary import write_summary
from pytest_flink_agents.settings import Settings

if TYPE_CHECKING:
    from flink_testbed.flink.cluster_broker import BrokerAddress
    from pytest_flink_agents.scenario.load import LoadedScenario


# Where a scenario names the file that it tests.
_FILES = ("yaml", "plan", "python", "jar")


class SessionPlan:
    """The session. ``progress`` gets one short line a step. Raises ``HostError`` for a Flink version nobody supports.

    ``folder`` is the run folder, where another process has named it. ``broker_address`` and ``process`` (its name) are given where
    another process owns the clusters: then folder and report are the other's to finish.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Callable[[str], None],
        *,
        folder: Path | None = None,
        broker_address: BrokerAddress | None = None,
        process: str = "",
    ) -> None:
        self.settings = settings
        self._broker_address = broker_address
        self._process = process
        self.releases: tuple[FlinkRelease, ...] = tuple(
            dict.fromkeys(resolve_flink(asked, settings.flink_agents) for asked in settings.flink_versions)
        )
        self.redactor = Redactor(os.environ)
        self.results: list[ItemResult] = []
        self.deselected = 0
        self._told: list[Exception] = []
        self.scenario_files: set[Path] = set()
        self.subject_files: set[Path] = set()
        self.facts: dict[str, str] = {}
        self.leaks: list[str] = []
        # How to look at the clusters that were left running.
        self.left: list[str] = []
        self._progress = progress
        self._started = _utc_now()
        self._folder = folder or settings.report_dir / run_folder_name()
        self._folder_made = False
        self._session: RunSession | None = None
        self._events: EventWriter | None = None

    @property
    def folder(self) -> Path:
        """The run folder, made when the first thing is written: collecting alone leaves nothing behind."""
        return self.make_folder()

    def make_folder(self) -> Path:
        """Make the run folder, if that was not done yet. Raises ``HostError`` FA422 where it cannot be made."""
        if not self._folder_made:
            try:
                make_run_folder(self._folder)
            except OSError as error:
                raise unwritable(error, "name another place with --flink-report-dir") from None
            self._folder_made = True
        return self._folder

    @property
    def session(self) -> RunSession:
        """The running parts."""
        if self._session is None:
            self._session = RunSession(
                self.settings,
                folder=self.folder,
                directory=self.folder / "running" / self._process,
                progress=self.tell,
                redactor=self.redactor,
                broker_address=self._broker_address,
            )
        return self._session

    def release(self, version: str) -> FlinkRelease:
        """The one of the session's releases that has this full version."""
        return next(release for release in self.releases if release.version == version)

    def serve(self, broker_address: BrokerAddress) -> None:
        """Give the clusters of this process to the session's other processes."""
        self.session.serve(broker_address)

    def folder_of(self, node_id: str) -> Path:
        """Where an item's evidence goes."""
        return node_folder(self.folder, node_id)

    def tell(self, line: str) -> None:
        """Progress: to the terminal and to ``events.jsonl``."""
        self._progress(line)
        self.record("progress", message=line)

    def record(self, kind: str, **fields: Any) -> None:
        """One line of ``events.jsonl``."""
        if self._events is None:
            self._events = EventWriter(self.folder / "events.jsonl", self.redactor)
            if not self._process:
                self._events.write("session_started", settings=repr(self.settings), tool=__version__)
        self._events.write(kind, **fields)

    def is_told(self, error: Exception) -> bool:
        """Whether this very error was told before: a cluster that does not start fails every scenario, and is told once."""
        known = any(error is other for other in self._told)
        self._told.append(error)
        return known

    def close(self, *, failed: bool = False) -> None:
        """End everything that was started, but for clusters that are to be left, after a failure or always."""
        if self._session:
            keep = self.settings.keep == "always" or (failed and self.settings.keep == "on-failure")
            left = self._session.leave_running() if keep else []
            self.left += [line for kept in left for line in left_lines(kept)]
            self.facts |= self._session.facts()
            self._session.close()
            self.leaks += self._session.leaks
            self._session = None
            if not self._broker_address:
                used = {Path(kept.directory, name) for kept in left for name in kept.scratch}
                self.redactor.files(self.folder.absolute(), but=used)

    def conclude(self, pytest_exit: int) -> Verdict:
        """Decide, and write the report. ``pytest_exit`` is pytest's own answer. Nothing may run any more."""
        policy = Policy(self.settings.gate or "default", self.settings.tiers)
        verdict = decide(self.results, policy, pytest_exit, deselected=self.deselected)
        folder, finished = self.folder, _utc_now()
        environment = self._environment()
        write_json(folder / "environment.json", environment, self.redactor)
        write_junit(folder / "junit.xml", self.results, started=self._started, redactor=self.redactor)
        write_summary(folder / "summary.md", verdict, self.results, environment, self.redactor)
        files = sorted(self.scenario_files)
        write_verdict(
            folder / "verdict.json",
            verdict,
            policy,
            subjects={
                os.path.relpath(path, self.settings.root): digest_of([path.read_bytes()])
                for path in sorted(self.subject_files)
            },
            scenarios_digest=digest_of(path.read_bytes() for path in files),
            started=self._started,
            finished=finished,
            redactor=self.redactor,
        )
        self.record("verdict", verdict=verdict.verdict.value, counts=verdict.counts)
        if self._events:
            self._events.close()
            self._events = None
        return verdict

    def _environment(self) -> dict[str, str]:
        facts = {
            "pytest-flink-agents": __version__,
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.release()} {platform.machine()}",
            "processors": str(os.cpu_count()),
        }
        return facts | self.facts

    def add_scenario(self, loaded: LoadedScenario) -> None:
        """Remember what is tested: the scenario's file, and the file of its agent where the project holds it."""
        self.scenario_files.add(loaded.file)
        scenario = loaded.scenario
        agent = scenario.agent
        if not isinstance(agent, str):
            named = [subject.model_dump() for subject in (agent, scenario.job) if subject]
            files = [value for fields in named for name, value in fields.items() if name in _FILES]
            self.subject_files.update(loaded.path(name) for name in files)
            return
        module = Path(*agent.partition(":")[0].split("."))
        roots = [self.settings.root, *self.settings.python_path]
        candidates = [root / module.with_suffix(".py") for root in roots] + [
            root / module / "__init__.py" for root in roots
        ]
        self.subject_files.update(candidate for candidate in candidates if candidate.is_file())


def _utc_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
