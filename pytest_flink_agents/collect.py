"""Scenario files as pytest files, scenarios as items: one item a scenario, tier and Flink version."""

from __future__ import annotations

import datetime
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_flink_agents.current import NOT_READY, PLAN, RESULT
from pytest_flink_agents.settings import Engine, Tier

if TYPE_CHECKING:
    from _pytest._code.code import ExceptionInfo, TerminalRepr

    from flink_testbed.artifacts.versions import FlinkRelease
    from pytest_flink_agents.run.item import Judged
    from pytest_flink_agents.scenario.load import LoadedScenario

_PYTEST_MARKS = frozenset(
    {"skip", "skipif", "xfail", "parametrize", "usefixtures", "filterwarnings", "tryfirst", "trylast"}
)
SUFFIXES = (".scenario.yaml", ".scenario.yml")


def is_scenario_file(path: Path) -> bool:
    """Whether pytest should hand this file to us."""
    return path.name.endswith(SUFFIXES)


class ScenarioFile(pytest.File):
    """One ``*.scenario.yaml``."""

    def collect(self) -> Iterator[ScenarioItem]:
        """Load the file strictly and expand each scenario. All problems of the file come at once."""
        from pytest_flink_agents.scenario.error import ScenarioError
        from pytest_flink_agents.scenario.load import load_file
        from pytest_flink_agents.scenario.project import Project

        plan = self.config.stash[PLAN]
        try:
            loaded = load_file(self.path, Project.of(plan.settings))
        except ScenarioError as error:
            raise self.CollectError(plan.redactor.text(str(error))) from None
        for scenario in loaded:
            for warning in scenario.warnings:
                self.warn(ScenarioWarning(plan.redactor.text(warning.render())))
            for tier in plan.settings.tiers:
                for release in plan.releases:
                    yield ScenarioItem.from_parent(self, loaded=scenario, tier=tier, release=release)


class ScenarioWarning(pytest.PytestWarning):
    """Something in a scenario is odd, but no mistake."""


class ScenarioFailed(Exception):
    """The scenario ran and is not as expected, or cannot be told. The text is the whole explanation."""


class ScenarioItem(pytest.Item):
    """One scenario on one tier and Flink version."""

    def __init__(
        self, *, parent: ScenarioFile, loaded: LoadedScenario, tier: Tier, release: FlinkRelease, **arguments: Any
    ) -> None:
        name = f"{loaded.scenario.name}[{tier}-{release.label}]"
        # As text: pytest then reads it as it reads the ids that --lf has stored, or the two never meet.
        super().__init__(name=name, parent=parent, nodeid=f"{parent.nodeid}::{name}", **arguments)
        self.loaded = loaded
        self.tier = tier
        self.release = release
        self._mark(*loaded.scenario.tags, tier)

    def _mark(self, *tags: str) -> None:
        """Make tags selectable, by -k and by -m. A tag that pytest gives a meaning to (``skip``) stays a mere keyword."""
        self.extra_keyword_matches.update(tags)
        for tag in tags:
            if tag.isidentifier() and tag not in _PYTEST_MARKS:
                self.config.addinivalue_line("markers", f"{tag}: a tag of scenarios")
                self.add_marker(tag)

    @property
    def not_applicable(self) -> str:
        """Why the scenario excludes this tier or version by itself, or the versions each other; empty where none does."""
        scenario = self.loaded.scenario
        if scenario.tiers is not None and self.tier not in scenario.tiers:
            return f"not applicable: the scenario runs on {', '.join(scenario.tiers)}"
        if scenario.job and self.tier is Tier.LOCAL:
            return "not applicable: a job of the team's own runs on Flink"
        if not scenario.allows_flink(self.release.version):
            return f"not applicable: the scenario is for Flink {scenario.flink}"
        return self._no_such_pair()

    def _no_such_pair(self) -> str:
        from flink_testbed.artifacts.versions import AGENTS_LINES, agents_line, incompatibility

        flink_agents = self.config.stash[PLAN].settings.flink_agents
        line = agents_line(flink_agents)
        if self.tier is Tier.LOCAL and line and Engine.BUNDLED not in line.engines:
            runs = ", ".join(each.minor for each in AGENTS_LINES if Engine.BUNDLED in each.engines)
            return (
                f"not applicable: without Flink the bundled engine runs, which does not run flink-agents {flink_agents}, "
                f"only {runs}; upstream's own engine runs it on Flink {', '.join(line.flinks)}"
            )
        reason = incompatibility(self.release.line, flink_agents)
        return f"not applicable: {reason}" if reason else ""

    def setup(self) -> None:
        """Make ready what the tier needs; an error here is the machine's, and the scenario has not run."""
        if self.not_applicable:
            pytest.skip(self.not_applicable)
        from flink_testbed.core.problem import ProblemError
        from pytest_flink_agents.run.item import prepare

        plan = self.config.stash[PLAN]
        try:
            prepare(plan.session, self.loaded, self.tier, self.release)
        except ProblemError as error:
            self.stash[NOT_READY] = error
            # pytest asks repr_failure() for the call only; of a setup it would show our own source.
            text = str(error).partition("\n")[0] + " (as told above)" if plan.is_told(error) else str(error)
            raise pytest.fail.Exception(plan.redactor.text(text), pytrace=False) from None

    def runtest(self) -> None:
        """Run, judge, and fail unless every check says valid."""
        from pytest_flink_agents.run.item import run_and_judge

        plan = self.config.stash[PLAN]
        judged = run_and_judge(
            plan.session,
            self.loaded,
            self.tier,
            self.release,
            folder=plan.folder_of(self.nodeid),
            reproduce=self.reproduced_with,
        )
        self.stash[RESULT] = judged
        self._settle(judged)

    def _settle(self, judged: Judged) -> None:
        known = self.loaded.scenario.expect_fail
        if known is None:
            if not judged.valid:
                raise ScenarioFailed(judged.text)
            return
        document = self.loaded.document
        place = f"{document.file}:{document.mark(('expect_fail',), key=True).line}"
        lines = "\n".join(f"  > {number:4} | {text}" for number, text in document.lines(("expect_fail",)))
        if datetime.date.fromisoformat(str(known.until)) < datetime.datetime.now(datetime.timezone.utc).date():
            raise ScenarioFailed(
                f"{place}: expect_fail is over since {known.until}: {known.reason}\n{lines}\n{judged.text}"
            )
        if judged.valid:
            message = f"{place}: it passes, although it is expected to fail ({known.reason})"
            raise ScenarioFailed(f"{message}\n{lines}\n  next:     take expect_fail out\nagain: {self.reproduce}")
        if judged.unknown:
            raise ScenarioFailed(judged.text)
        pytest.xfail(f"{known.reason} (until {known.until})")

    @property
    def reproduce(self) -> str:
        """The command that runs this one item again, in the same order where a seed drew it."""
        if RESULT in self.stash:
            return self.reproduced_with(self.stash[RESULT].evidence.seed)
        return self.reproduced_with(self.config.stash[PLAN].settings.seeds(self.tier)[0])

    def reproduced_with(self, seed: int | None) -> str:
        """The command that runs this one item again with a seed, and with the settings that change how it runs."""
        settings = self.config.stash[PLAN].settings
        words = [f"--flink-version={self.release.version}", f"--flink-tier={self.tier}"]
        words += [f"--flink-agents={settings.flink_agents}"] if settings.flink_agents else []
        words += [f"--flink-job-python={settings.job_python}"] if settings.job_python else []
        words += [f"--flink-image={settings.flink_image}"] if settings.flink_image else []
        words += [f"--flink-base-image={settings.flink_base_image}"] if settings.flink_base_image else []
        words += [f"--kafka-image={settings.kafka_image}"] if settings.kafka_image else []
        words += [f"--flink-parallelism={settings.parallelism}"] if settings.parallelism != 1 else []
        words += [f"--scenario-seed={seed}"] if seed is not None else []
        return shlex.join(["pytest", self.nodeid, *words])

    def repr_failure(self, excinfo: ExceptionInfo[BaseException], style: Any = None) -> str | TerminalRepr:
        """Our texts as they are; a traceback only for what is our own bug."""
        from flink_testbed.core.problem import ProblemError

        if isinstance(excinfo.value, (ScenarioFailed, ProblemError)):
            return self.config.stash[PLAN].redactor.text(str(excinfo.value))
        if isinstance(excinfo.value, pytest.xfail.Exception):
            return super().repr_failure(excinfo, style)
        return self.config.stash[PLAN].redactor.text(str(super().repr_failure(excinfo, style)))

    def reportinfo(self) -> tuple[Path, int, str]:
        """File, line (from 0) and name for pytest's own reports."""
        return self.path, self.loaded.document.mark(()).line - 1, self.name


def scenario_items(items: Sequence[pytest.Item]) -> list[ScenarioItem]:
    """The scenarios among pytest's items."""
    return [item for item in items if isinstance(item, ScenarioItem)]


def arrange(items: list[pytest.Item]) -> None:
    """All local runs first: they answer in a second what a cluster would be started for. Order within a tier is kept.

    Python tests that use the session's cluster have its logs watched; ``agent_runner`` does so for each run by itself.
    """
    places = [index for index, item in enumerate(items) if isinstance(item, ScenarioItem)]
    for place, item in zip(
        places, sorted(scenario_items(items), key=lambda item: item.tier is not Tier.LOCAL), strict=True
    ):
        items[place] = item
    for each in items:
        names = getattr(each, "fixturenames", [])
        if "flink_cluster" in names and not {"agent_runner", "flink_cluster_logs"}.intersection(names):
            names.insert(0, "flink_cluster_logs")


_FIXTURES = frozenset(
    {
        "agent_runner",
        "agent_script",
        "flink_cluster",
        "flink_cluster_factory",
        "kafka_service",
        "kafka_topic",
        "llm_server",
    }
)


def needs_session(item: pytest.Item) -> bool:
    """Whether an item needs the session's running parts: a scenario, or a test that asks for one of our fixtures."""
    return isinstance(item, ScenarioItem) or bool(_FIXTURES.intersection(getattr(item, "fixturenames", ())))
