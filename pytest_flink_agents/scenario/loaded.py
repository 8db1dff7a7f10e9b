"""A valid scenario, compiled and with its place in the project.

Must never import: pytest, anything that starts a process.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from flink_agents_runtime.config.options import flat
from flink_testbed.artifacts.local_requirements import requirement_lines
from flink_testbed.core.problem import Problem
from pytest_flink_agents.scenario.boundary.places import PlaceError, file_inside, savepoint_inside
from pytest_flink_agents.scenario.boundary.requirement_lines import absolute_requirement
from pytest_flink_agents.scenario.error import DocumentPath, ScenarioError
from pytest_flink_agents.scenario.subjects import job_before

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from flink_testbed.models.added_wire import ModelFormats
    from pytest_flink_agents.scenario.configuration.content import Placed, TeamConfiguration
    from pytest_flink_agents.scenario.document import Document
    from pytest_flink_agents.scenario.matching.matcher import Matcher
    from pytest_flink_agents.scenario.model import Scenario


@dataclass(frozen=True, slots=True)
class OutputMatcher:
    """One expected output, ready to compare."""

    key: Matcher
    value: Matcher


@dataclass(frozen=True, slots=True)
class LoadedScenario:
    """A valid scenario with the place that it came from.

    ``file`` and ``root`` are absolute, all links resolved. ``outputs`` are the matchers of
    ``expect.outputs`` in order, None if the scenario expects none; ``failure`` is the matcher of
    the failure's message, ``waived_failure`` that of ``expect_fail.failure``. ``warnings`` are
    oddities that are not mistakes. ``matchers`` are the other matchers by place.
    ``combination`` names the values of a matrix.
    ``configuration`` is the team's own Flink configuration, ``flink_options`` are the options of
    ``flink_config`` by dotted key, and ``flink_options_before`` those of ``upgrade.from``.
    ``model_formats`` are those that plugins add, by name.
    """

    scenario: Scenario
    document: Document
    file: Path
    root: Path
    outputs: tuple[OutputMatcher, ...] | None
    failure: Matcher | None
    waived_failure: Matcher | None = None
    warnings: tuple[Problem, ...] = ()
    matchers: Mapping[DocumentPath, Matcher] = field(default_factory=dict)
    combination: str = ""
    configuration: TeamConfiguration | None = None
    flink_options: Mapping[str, Placed] = field(default_factory=dict)
    flink_options_before: Mapping[str, Placed] = field(default_factory=dict)
    model_formats: ModelFormats = field(default_factory=dict)

    def before_upgrade(self) -> LoadedScenario:
        """Return the scenario with the words of the version before, under ``upgrade.from``."""
        scenario = self.scenario
        assert scenario.upgrade is not None
        words = scenario.upgrade.from_
        earlier = scenario.model_copy(
            update={
                "agent": words.agent or scenario.agent,
                "job": job_before(words.job, scenario.job),
                "requirements": words.requirements or scenario.requirements,
                "config": dict(flat(scenario.config)) | dict(flat(words.config)),
            }
        )
        return replace(self, scenario=earlier, flink_options={**self.flink_options, **self.flink_options_before})

    @property
    def name(self) -> str:
        """The name of the scenario, with that of its combination if it has a matrix."""
        return combined_name(self.scenario.name, self.combination)

    @property
    def files(self) -> frozenset[Path]:
        """The files that the scenario's words and its configuration come from."""
        names = [part.file for part in self.document.parts.values()]
        names += [self.configuration.name] if self.configuration else []
        return frozenset({self.file, *(self.root / name for name in names)})

    def path(self, relative: str) -> Path:
        """Return the file of the project that the scenario names by ``relative``.

        Raises :class:`ScenarioError` if it has disappeared since loading.
        """
        return self._inside(relative, file_inside)

    def savepoint(self, relative: str) -> Path:
        """Return the directory of a stored savepoint. Raises :class:`ScenarioError` as :meth:`path` does."""
        return self._inside(relative, savepoint_inside)

    def _inside(self, relative: str, inside: Callable[[Path, str, Path], Path]) -> Path:
        try:
            return inside(self.file.parent, relative, self.root)
        except PlaceError as error:
            problem = Problem("FA206", error.message, self.document.file, error.expected, error.seen, error.next_step)
            raise ScenarioError(problem) from None

    def of_baseline(self) -> LoadedScenario:
        """Return the scenario with the agent that it is compared with."""
        compare = self.scenario.compare
        if compare is None or compare.baseline.agent is None:
            return self
        return replace(self, scenario=self.scenario.model_copy(update={"agent": compare.baseline.agent}))

    def requirements(self) -> tuple[str, ...]:
        """Return the scenario's requirements, from its list or its file, with absolute paths.

        Raises :class:`ScenarioError` if the file has disappeared since loading.
        """
        wanted = self.scenario.requirements
        lines = tuple(wanted or ())
        if isinstance(wanted, str):
            text = self.path(wanted).read_text(encoding="utf-8-sig")
            lines = tuple(line for _, line in requirement_lines(text))
        return tuple(absolute_requirement(line, self.root) for line in lines)


def combined_name(name: str, combination: str) -> str:
    """Return the name of a scenario with that of its combination, empty for one without a matrix."""
    return f"{name}[{combination}]" if combination else name
