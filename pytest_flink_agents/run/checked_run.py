"""The judged evidence of one run of a scenario, and of several runs together."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.waiver import WaiverAnswer
from pytest_flink_agents.compare.sides import Comparison
from pytest_flink_agents.evidence.failed_run import FailedRun
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.gate import Figure, Outcome, RunCounts, largest_figures

# Of all runs of a repeated scenario together; a flaky one passed as often as it asks for.
_VALIDITY = {
    Outcome.PASSED: Validity.VALID,
    Outcome.FLAKY: Validity.VALID,
    Outcome.FAILED: Validity.INVALID,
    Outcome.UNKNOWN: Validity.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class CheckedRun:
    """The evidence and the check results of one run of an item.

    ``waiver`` says how the run compares with the failure that ``expect_fail`` announces, None
    without one. ``runs`` counts the runs of a repeated scenario; the other fields are then those of
    the first run that is not as expected, and ``validity`` is that of all runs together.

    ``repeats`` is the number of runs, with any seed. ``failed_runs`` are those that are not as expected, and ``figures``
    the largest of all runs. ``comparison`` is the run beside its baseline, None without one. ``directory`` is that of the
    run below its attempt's, empty if the attempt is one run.
    """

    evidence: Evidence
    results: tuple[CheckResult, ...]
    validity: Validity
    text: str
    waiver: WaiverAnswer | None = None
    runs: RunCounts | None = None
    repeats: int = 1
    failed_runs: tuple[FailedRun, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    comparison: Comparison | None = None
    directory: str = ""

    @property
    def valid(self) -> bool:
        """True if everything is as expected."""
        return self.validity is Validity.VALID

    @property
    def unknown(self) -> bool:
        """True if nothing is proven wrong, and not everything right."""
        return self.validity is Validity.UNKNOWN

    @property
    def headline(self) -> str:
        """The first finding of what is not valid, on one line."""
        return next((finding.message.partition("\n")[0] for finding in self.findings), "")

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The findings of what is not valid."""
        judged = (result for result in self.results if result.validity is not Validity.VALID)
        return tuple(finding for result in judged for finding in result.findings)


def runs_together(checked: Sequence[CheckedRun], min_pass: int) -> CheckedRun:
    """Return the runs of a repeated scenario as one."""
    passed, unknown = (sum(getattr(each, word) for each in checked) for word in ("valid", "unknown"))
    runs = RunCounts(len(checked), passed, min_pass, unknown)
    number, shown = next(
        ((number, each) for number, each in enumerate(checked, start=1) if not each.valid), (len(checked), checked[-1])
    )
    text = f"{shown.text}\n{runs}; shown is run {number}, the first that was not as expected" if shown.text else ""
    shown = with_all_runs(shown, checked)
    directory = run_directory(number)
    return dataclasses.replace(shown, validity=_VALIDITY[runs.outcome], text=text, runs=runs, directory=directory)


def run_directory(number: int) -> str:
    """Return the name of the directory with the evidence of one run of a repeated scenario; they count from 1."""
    return f"run-{number}"


def with_all_runs(shown: CheckedRun, checked: Sequence[CheckedRun]) -> CheckedRun:
    """Return the run that is shown of several, with what is known of all of them."""
    return dataclasses.replace(
        shown,
        repeats=sum(each.repeats for each in checked),
        failed_runs=tuple(run for each in checked for run in each.failed_runs),
        figures=largest_figures([each.figures for each in checked]),
    )
