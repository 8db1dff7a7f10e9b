"""The life cycle of one test session, from settings to verdict.

Created when the first scenario file is collected, or when a verdict is asked for; never otherwise.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flink_testbed.artifacts.versions import FlinkRelease, resolve_flink
from flink_testbed.core import clock
from flink_testbed.core.problem import HostError
from pytest_flink_agents.gate import ItemResult, Verdict, no_answer, report_not_written
from pytest_flink_agents.identity import GitReader, GitState, Identity, added_code, editable_of, files_of
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.provision.unwritable import unwritable
from pytest_flink_agents.report.ci.server import CiServer
from pytest_flink_agents.report.directory import RunFolder, node_folder, run_folder_name
from pytest_flink_agents.report.event_writer import EVENTS_FILE, EventWriter
from pytest_flink_agents.report.session_report import SUMMARY_FILE, SessionReport, write_answer
from pytest_flink_agents.report.stored_run import NOT_ENDED, StoredRun
from pytest_flink_agents.session_conditions import environment_of, policy_of, redactor_of
from pytest_flink_agents.session_parts import EndedParts, SessionParts
from pytest_flink_agents.session_record import SessionRecord
from pytest_flink_agents.session_report import discard_report, show_elsewhere, write_attested
from pytest_flink_agents.settings import Settings
from pytest_flink_agents.version import __version__
from pytest_flink_agents.vocabulary import Tier

if TYPE_CHECKING:
    from flink_testbed.flink.cluster_broker import BrokerAddress
    from pytest_flink_agents.attestation import Signer
    from pytest_flink_agents.evidence.model import Evidence
    from pytest_flink_agents.scenario.load import LoadedScenario


class GateSession:
    """One test session.

    ``progress`` gets one short line a step. Raises ``HostError`` for an unsupported Flink version.

    ``folder`` is the run folder if the controller of pytest-xdist has chosen it. Workers have a
    ``broker``, which provides the controller's clusters, and a name, ``process``; they leave the
    report to the controller. ``signer`` signs the report's attestation.
    """

    def __init__(
        self,
        settings: Settings,
        progress: Callable[[str], None],
        *,
        folder: Path | None = None,
        broker: BrokerAddress | None = None,
        process: str = "",
        signer: Signer | None = None,
    ) -> None:
        self.settings = settings
        self.record = SessionRecord()
        self.releases: tuple[FlinkRelease, ...] = tuple(
            dict.fromkeys(resolve_flink(asked, settings.flink_agents) for asked in settings.flink_versions)
        )
        # Read before anything runs: an agent or a test may change the file.
        self.policy = policy_of(settings, decides=not process)
        self.redactor = redactor_of(settings)
        self._signer = signer
        if signer:
            self.redactor.learn(signer.secrets)
        # The node ids of all scenario runs that were collected, before any was deselected.
        self.collected: set[str] = set()
        self.collected_files: set[Path] = set()
        # Lines about detached clusters and about what could not be shown elsewhere, for the terminal.
        self.notices: list[str] = []
        self.server = CiServer.of(os.environ, settings.root)
        self._process = process
        self._reported: list[Exception] = []
        self._progress = progress
        self._started = _utc_now()
        self._run_folder = RunFolder(folder or settings.report_dir / run_folder_name(), settings.report_runs)
        self._begun = False
        self._parts = SessionParts(settings, self._run_folder, self.redactor, self.progress, broker, process)
        self._events: EventWriter | None = None
        self._git: GitState | None = None

    @property
    def folder(self) -> Path:
        """The run folder, created on first use as by :meth:`make_folder`; a session that only collects has none."""
        self.make_folder()
        return self._run_folder.path

    def make_folder(self) -> None:
        """Create the run folder if it does not exist yet.

        Raises ``HostError`` FA422 if it cannot be created.
        """
        try:
            self._run_folder.make()
        except OSError as error:
            raise unwritable(error, "name another place with --flink-report-dir") from None

    @property
    def summary(self) -> Path:
        """The path of ``summary.md``, which may not exist yet."""
        return self._run_folder.path / SUMMARY_FILE

    def evidence_of(self, node_id: str, attempt: int) -> str:
        """Return the path of an attempt's evidence in the run folder.

        Empty if nothing was written.
        """
        folder = node_folder(self._run_folder.path, node_id, attempt)
        return str(folder.relative_to(self._run_folder.path)) if folder.exists() else ""

    def folder_of(self, node_id: str, attempt: int) -> Path:
        """Return the folder for the evidence of one attempt at an item."""
        return node_folder(self.folder, node_id, attempt)

    @property
    def services(self) -> Services:
        """The running parts, each started on first use."""
        self.make_folder()
        return self._parts.services

    def start_early(self) -> None:
        """Start the local tier's process, which needs no cluster, while pytest still collects.

        Not in workers of pytest-xdist, which keep all processors busy.
        """
        if not self._process and Tier.LOCAL in self.settings.tiers:
            self._parts.start_early(self.releases[0])

    def release(self, version: str) -> FlinkRelease:
        """Return the session's release with this full version."""
        return next(release for release in self.releases if release.version == version)

    def progress(self, line: str) -> None:
        """Report progress, to the terminal and to ``events.jsonl``."""
        self._progress(line)
        self.write_event("progress", message=line)

    def write_event(self, kind: str, **fields: Any) -> None:
        """Write one line of ``events.jsonl``."""
        if self._events is None:
            self._events = EventWriter(self.folder / EVENTS_FILE, self.redactor)
            if not self._process:
                tiers = {"tiers": self.settings.tiers, "named_tiers": self.settings.named_tiers}
                options = self.settings.deciding
                self._events.write(
                    "session_started", settings=repr(self.settings), tool=__version__, options=options, **tiers
                )
        self._events.write(kind, **fields)

    def begin(self) -> None:
        """Create the run folder, and write what is selected before the first item runs.

        Until the session ends its report says *inconclusive*, so that it does if the session is killed. Raises
        ``HostError`` FA422 if there can be no folder.
        """
        self.make_folder()
        if self._process or self._begun:
            return
        self._begun = True
        items = [result.as_data() for result in self.record.selected.values()]
        self.write_event("items_selected", items=items, selection=dataclasses.asdict(self.record.selection))
        run = self._run(NOT_ENDED)
        # A disk without space is reported at the end.
        with contextlib.suppress(HostError):
            write_answer(self.folder, self._report(run.verdict(self.policy, clock.today()), run), self.redactor)

    def item_started(self, node_id: str) -> None:
        """Record that an item runs, for a report of a session that is killed."""
        if self._begun:
            self.write_event("item_started", node_id=node_id)

    def add_scenarios(self, scenarios: Iterable[LoadedScenario]) -> None:
        """Record the digests of the files that the scenarios are made of, and where their code lies, before any runs."""
        scenarios = tuple(scenarios)
        editable = frozenset(map(str, editable_of(scenarios, self.settings)))
        self.record = self.record.merge(SessionRecord(identity=files_of(scenarios, self.settings), editable=editable))

    def add_plan(self, node_id: str, evidence: Evidence) -> None:
        """Record the digest of the plan that a run executed; one that differs between attempts is not known."""
        if evidence.plan_digest is not None:
            part = f"plan of {node_id}, engine {evidence.engine}"
            self.update(identity=self.record.identity.merge(Identity(parts={part: evidence.plan_digest})))

    def add_result(self, result: ItemResult) -> None:
        """Record the result of one phase of an attempt at an item."""
        self.record = self.record.with_result(result)
        if result.tier or self._begun:
            self.write_event("item_finished", node_id=result.node_id, result=result.as_data())

    def update(self, **fields: Any) -> None:
        """Replace fields of the session's record."""
        self.record = dataclasses.replace(self.record, **fields)

    def is_reported(self, error: Exception) -> bool:
        """Return whether this very error was reported before, and record it.

        A cluster that does not start fails every scenario, and is explained once.
        """
        known = any(error is other for other in self._reported)
        self._reported.append(error)
        return known

    def close(self, *, failed: bool = False) -> None:
        """End everything that was started, except clusters that are detached."""
        ran = not self._process and (self._run_folder.made or bool(self.record.attempts))
        git = GitReader(self.settings.root) if ran and self._git is None else None
        keep = self.settings.keep
        ended = self._parts.end(detach=keep == "always" or (failed and keep == "on-failure"))
        if ended:
            self._record_end(ended)
        self._run_folder.remove_unused()
        if git:
            self._git = git.state()

    def _record_end(self, ended: EndedParts) -> None:
        record = self.record
        self.notices += ended.notices
        self.update(
            identity=record.identity.merge(ended.identity),
            facts={**record.facts, **ended.facts},
            leaks=(*record.leaks, *ended.leaks),
        )
        if not self._process and self._run_folder.made:
            self.redactor.files(self.folder.absolute(), but=set(ended.used))

    def _run(self, *doubts: str) -> StoredRun:
        selection, settings = self.record.selection, self.settings
        tiers, named, options = settings.tiers, settings.named_tiers, settings.deciding
        return StoredRun(self.record.results(), selection, tiers, named, 0, doubts=doubts, options=options)

    def conclude(self, pytest_exit: int, unexplained: int = 0) -> Verdict:
        """Decide, write the report, and return the verdict.

        ``pytest_exit`` is pytest's exit code, ``unexplained`` the number of its failures that no result explains.

        Nothing may run any more.
        """
        identity, settings = self.record.identity, self.settings
        changed = (*identity.changed(settings.root), *added_code(identity, settings, self.record.editable))
        run = self._run()
        if self.settings.compare_tiers:
            # Imported here: most sessions read no evidence.
            from pytest_flink_agents.report.tiers_compared import with_tiers_compared

            run = dataclasses.replace(run, results=with_tiers_compared(run.results, self.folder))
        run = dataclasses.replace(run, pytest_exit=pytest_exit, changed=changed, unexplained=unexplained)
        verdict = run.verdict(self.policy, clock.today())
        try:
            self._write_report(verdict, run)
        except HostError as error:
            (problem,) = error.problems
            # What filled the disk may also be why a scenario failed.
            decided, verdict = verdict, no_answer(verdict, report_not_written(f"{problem.seen}: {problem.where}"))
            if verdict.verdict is not decided.verdict:
                self._discard_verdict()
        finally:
            if self._events:
                with contextlib.suppress(HostError):
                    self._events.close()
                self._events = None
        # The disk may have refused the folder.
        if self._run_folder.made:
            self.notices += show_elsewhere(self.folder, self.server, self.settings, self.redactor)
        return verdict

    def withdraw(self) -> None:
        """Remove the report of a session that turned out to have nothing to judge."""
        if self._begun:
            self._discard_verdict()

    def _discard_verdict(self) -> None:
        if self._run_folder.made:
            discard_report(self.folder)

    def _write_report(self, verdict: Verdict, run: StoredRun) -> None:
        def end_events() -> None:
            self.write_event("verdict", verdict=verdict.verdict.value, counts=verdict.counts)
            if self._events:
                self._events.close()

        report = self._report(verdict, run, _utc_now())
        write_attested(self.folder, report, self.redactor, self._signer, end_events)

    def _report(self, verdict: Verdict, run: StoredRun, finished: str = "") -> SessionReport:
        git = self._git or GitState(reason="no scenario ran" if finished else NOT_ENDED)
        environment = {**environment_of(self.server), **self.record.facts}
        identity, server, started = self.record.identity, self.server, self._started
        return SessionReport(verdict, self.policy, run, identity, git, environment, server, started, finished)


def _utc_now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
