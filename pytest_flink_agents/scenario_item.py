"""Collect scenario files: one item for each scenario, tier and Flink version."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.current import CHECKED, NOT_READY, SESSION, attempt_folder
from pytest_flink_agents.hooks import custom_checks, project_of_node
from pytest_flink_agents.options import options_of_run
from pytest_flink_agents.vocabulary import Engine, Tier

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from flink_testbed.artifacts.versions import FlinkRelease
    from pytest_flink_agents.checks.custom import CustomCheck
    from pytest_flink_agents.run.checked_run import CheckedRun
    from pytest_flink_agents.run.item import ScenarioRun
    from pytest_flink_agents.scenario.load import LoadedScenario
    from pytest_flink_agents.session import GateSession

SCENARIO_SUFFIXES = (".scenario.yaml", ".scenario.yml")
# Marks with a meaning to pytest: a tag of that name stays a keyword.
_PYTEST_MARKS = frozenset(
    {"skip", "skipif", "xfail", "parametrize", "usefixtures", "filterwarnings", "tryfirst", "trylast"}
)


class ScenarioFile(pytest.File):
    """One ``*.scenario.yaml``."""

    def collect(self) -> Iterator[ScenarioItem]:
        """Load the file strictly and expand each scenario.

        All problems of the file are reported at once.
        """
        session = self.config.stash[SESSION]
        # A plugin's mistake stops the session here, before anything starts.
        checks, project = custom_checks(self), project_of_node(self, session.settings)
        if not self.config.option.collectonly:
            session.start_early()
        from pytest_flink_agents.scenario.error import ScenarioError
        from pytest_flink_agents.scenario.load import load_file

        session.collected_files.add(self.path.resolve())
        try:
            loaded = load_file(self.path, project)
        except ScenarioError as error:
            raise self.CollectError(session.redactor.text(str(error))) from None
        for scenario in loaded:
            if scenario.configuration:
                session.redactor.learn(scenario.configuration.secrets)
            for warning in scenario.warnings:
                self.warn(ScenarioWarning(session.redactor.text(warning.render())))
            for tier in session.settings.tiers:
                for release in session.releases:
                    item = ScenarioItem.from_parent(self, loaded=scenario, tier=tier, release=release, checks=checks)
                    session.collected.add(item.nodeid)
                    yield item


class ScenarioWarning(pytest.PytestWarning):
    """A warning about a scenario that is unusual, but not wrong."""


class ScenarioFailed(Exception):
    """A scenario whose checks are not all valid.

    The text is the whole explanation.
    """


class ScenarioItem(pytest.Item):
    """One scenario on one tier and Flink version."""

    def __init__(
        self,
        *,
        parent: ScenarioFile,
        loaded: LoadedScenario,
        tier: Tier,
        release: FlinkRelease,
        checks: Mapping[str, CustomCheck],
        **arguments: Any,
    ) -> None:
        from pytest_flink_agents.redact import one_line

        # pytest prints node ids as they are: a name must not colour a line or begin one.
        name = f"{one_line(loaded.name)}[{tier}-{release.label}]"
        # As text: pytest compares it with the ids that --lf has stored.
        super().__init__(name=name, parent=parent, nodeid=f"{parent.nodeid}::{name}", **arguments)
        self.loaded = loaded
        self.tier = tier
        self.release = release
        self.checks = checks
        self._mark(*loaded.scenario.tags, str(tier), *(["cross_language"] if loaded.scenario.has_java_agent else []))

    def _mark(self, *tags: str) -> None:
        """Make tags selectable, by -k and by -m."""
        self.extra_keyword_matches.update(tags)
        for tag in tags:
            if tag.isidentifier() and tag not in _PYTEST_MARKS:
                self.config.addinivalue_line("markers", f"{tag}: a tag of scenarios")
                self.add_marker(tag)

    @property
    def gate_session(self) -> GateSession:
        """The session that collected the item."""
        return self.config.stash[SESSION]

    @property
    def not_applicable(self) -> str:
        """The reason why the scenario does not apply here, else empty."""
        return self.not_applicable_on(self.tier)

    def not_applicable_on(self, tier: Tier) -> str:
        """Return the reason why the scenario does not apply to a tier with the item's Flink version, else nothing."""
        scenario = self.loaded.scenario
        if scenario.tiers is not None and tier not in scenario.tiers:
            return f"not applicable: the scenario runs on {', '.join(scenario.tiers)}"
        if scenario.job and tier is Tier.LOCAL:
            return "not applicable: a scenario with a job runs on Flink only"
        if scenario.has_java_agent and tier is Tier.LOCAL:
            return "not applicable: a Java agent runs on Flink only"
        if scenario.faults and tier not in (Tier.EMBEDDED, Tier.CONTAINER):
            return "not applicable: a scenario with faults runs on clusters that the session starts"
        if tier is Tier.CONTAINER and (obstacle := scenario.obstacle_to_containers):
            return f"not applicable: {obstacle}"
        if not scenario.allows_flink(self.release.version):
            return f"not applicable: the scenario is for Flink {scenario.flink}"
        return self._incompatible_on(tier)

    def _incompatible_on(self, tier: Tier) -> str:
        from flink_testbed.artifacts.versions import AGENTS_LINES, agents_line, incompatibility

        flink_agents = self.gate_session.settings.flink_agents
        line = agents_line(flink_agents)
        if tier is Tier.LOCAL and line and Engine.BUNDLED not in line.engines:
            runs = ", ".join(each.minor for each in AGENTS_LINES if Engine.BUNDLED in each.engines)
            return (
                f"not applicable: the local tier has the bundled engine, which runs flink-agents {runs} and not "
                f"{flink_agents}; upstream's own engine runs that on Flink {', '.join(line.flinks)}"
            )
        reason = incompatibility(self.release.line, flink_agents)
        return f"not applicable: {reason}" if reason else ""

    @property
    def _run(self) -> ScenarioRun:
        from pytest_flink_agents.run.item import ScenarioRun

        return ScenarioRun(self.gate_session.services, self.loaded, self.tier, self.release, self.checks)

    def setup(self) -> None:
        """Provision the parts that the tier needs.

        An error here is the environment's: the scenario has not run.
        """
        # A rerun starts from nothing: the results of an earlier attempt say nothing about it.
        if NOT_READY in self.stash:
            del self.stash[NOT_READY]
        if CHECKED in self.stash:
            del self.stash[CHECKED]
        if self.not_applicable:
            pytest.skip(self.not_applicable)
        from flink_testbed.core.problem import ProblemError

        session = self.gate_session
        try:
            self._run.provision()
        except ProblemError as error:
            self.stash[NOT_READY] = error
            # pytest calls repr_failure() for the call only; for a setup it would show the harness's
            # source.
            reported = session.is_reported(error)
            text = str(error).partition("\n")[0] + " (explained above)" if reported else str(error)
            raise pytest.fail.Exception(session.redactor.text(text), pytrace=False) from None

    def runtest(self) -> None:
        """Run and check the scenario, and fail unless every check says *valid*."""
        checked = self._run.run_and_check(attempt_folder(self), self.reproduced_with)
        self.stash[CHECKED] = checked
        self.gate_session.add_plan(self.nodeid, checked.evidence)
        self._settle(checked)

    def _settle(self, checked: CheckedRun) -> None:
        """Fail unless the run is as expected, or fails exactly as announced."""
        from pytest_flink_agents.checks.waiver import WaiverAnswer

        known = self.loaded.scenario.expect_fail
        if known is None:
            if not checked.valid:
                raise ScenarioFailed(checked.text)
            return
        document = self.loaded.document
        place = document.place(("expect_fail",))
        lines = "\n".join(f"  > {number:4} | {text}" for number, text in document.lines(("expect_fail",)))
        if datetime.date.fromisoformat(str(known.until)) < datetime.datetime.now(datetime.timezone.utc).date():
            raise ScenarioFailed(
                f"{place}: expect_fail expired on {known.until}: {known.reason}\n{lines}\n{checked.text}"
            )
        if checked.waiver is WaiverAnswer.WAIVED:
            owner = f", owner {known.owner}" if known.owner else ""
            pytest.xfail(f"{known.reason} (until {known.until}{owner}; seen: {checked.headline})")
        if checked.waiver is WaiverAnswer.PASSED:
            message = f"{place}: the scenario passes, although expect_fail announces a failure ({known.reason})"
            raise ScenarioFailed(f"{message}\n{lines}\n  next:     remove expect_fail\nagain: {self.reproduce}")
        message = f"{place}: the scenario {checked.waiver.value if checked.waiver else 'failed'} ({known.reason})"
        raise ScenarioFailed(f"{message}\n{lines}\n{checked.text}")

    @property
    def reproduce(self) -> str:
        """The command that repeats this item, with the seed of its run."""
        if CHECKED in self.stash:
            return self.reproduced_with(self.stash[CHECKED].evidence.seed)
        return self.reproduced_with(self.gate_session.settings.seeds(self.tier)[0])

    def reproduced_with(self, seed: int | None) -> str:
        """Return the command that repeats this item with a seed.

        It names every setting that changes the run.
        """
        settings = self.gate_session.settings
        words = [f"--flink-version={self.release.version}", *options_of_run(settings, self.tier)]
        words += [f"--scenario-seed={seed}"] if seed is not None else []
        return shlex.join(["pytest", self.nodeid, *words])

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Return a failure's text, with a traceback only for harness bugs."""
        from flink_testbed.core.problem import ProblemError

        redactor = self.gate_session.redactor
        if isinstance(excinfo.value, (ScenarioFailed, ProblemError)):
            return redactor.text(str(excinfo.value))
        if isinstance(excinfo.value, pytest.xfail.Exception):
            return super().repr_failure(excinfo, style)
        return redactor.text(str(super().repr_failure(excinfo, style)))

    def reportinfo(self) -> tuple[Path, int, str]:
        """Return file, line (from 0) and name for pytest's own reports."""
        return self.path, self.loaded.document.mark(()).line - 1, self.name
