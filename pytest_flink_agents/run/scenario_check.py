"""The check of one run of a scenario: its evidence against what the scenario expects."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_flink_agents.checks.comparison import Side
from pytest_flink_agents.checks.custom import CustomCheck
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.judge import overall
from pytest_flink_agents.checks.upgrade import NOTHING_OF_CANDIDATE
from pytest_flink_agents.checks.waiver import Waiver, WaiverAnswer, waiver_answer
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.evidence.upgrade import BASELINE
from pytest_flink_agents.provision.services import Services
from pytest_flink_agents.run.checked_run import CheckedRun
from pytest_flink_agents.run.comparison import compared_with
from pytest_flink_agents.run.judgement import explained, judged, lines_of
from pytest_flink_agents.run.subject import AgentRefusedError
from pytest_flink_agents.scenario.load import LoadedScenario


@dataclass(frozen=True, slots=True)
class ScenarioCheck:
    """The check of one run.

    ``checks`` are those that plugins add to the scenario's own. ``folder`` takes the evidence, and ``reproduce`` is the
    command that repeats the run.
    """

    services: Services
    loaded: LoadedScenario
    checks: Mapping[str, CustomCheck]
    folder: Path
    reproduce: str

    def checked(self, evidence: Evidence, baseline: Side | None) -> CheckedRun:
        """Return the evidence with the results of its checks; ``baseline`` is the run that it is compared with."""
        prices = self.services.settings.prices
        compared = compared_with(baseline, self.loaded, evidence, self.services) if baseline else None
        comparison = compared.comparison if compared else None
        results = judged(self.loaded, evidence, self.checks, prices, compared=compared)
        validity = overall(results)
        text = ""
        if validity is not Validity.VALID:
            whole = os.path.relpath(self.folder / "evidence.json")
            text = explained(self.loaded, evidence, results, self.reproduce, self.services.redactor, whole, comparison)
        return CheckedRun(evidence, results, validity, text, comparison=comparison)

    def refused(self, error: AgentRefusedError, evidence: Evidence) -> CheckedRun:
        """Return the result for an agent that cannot be built."""
        place, lines = lines_of(self.loaded, Finding("", ("agent",)))
        source = [f"  > {number:4} | {line}" for number, line in lines]
        text = "\n".join([f"{place}: {error.problem.render()}", *source, "", f"again: {self.reproduce}"])
        findings = [Finding(error.problem.message, ("agent",), error.problem.expected, error.problem.seen)]
        validity = Validity.INVALID
        if error.version == BASELINE:
            validity = Validity.UNKNOWN
            findings.insert(0, Finding(NOTHING_OF_CANDIDATE, ("upgrade",)))
        return CheckedRun(evidence, (CheckResult("agent", validity, tuple(findings)),), validity, text)

    def waiver_answer(self, checked: CheckedRun) -> WaiverAnswer | None:
        """Return how the run compares with the failure that ``expect_fail`` announces, None without one."""
        known = self.loaded.scenario.expect_fail
        if known is None:
            return None
        return waiver_answer(Waiver(known.check, self.loaded.waived_failure), checked.results, checked.evidence)
