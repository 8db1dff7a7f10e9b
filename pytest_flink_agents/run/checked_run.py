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


def with_later_seeds(
    shown: CheckedRun, passed: Sequence[CheckedRun], later: Mapping[int | None, CheckedRun], left_out: int
) -> CheckedRun:
    """Return the first run that is not as expected, with those of the seeds before and after it.

    A failure is excused, by ``expect_fail`` or a policy, only if every run failed like that; ``left_out`` runs that were not
    made may have failed in another way.
    """
    together = with_all_runs(shown, [*passed, shown, *later.values()])
    failed = {seed: run for seed, run in later.items() if not run.valid}
    answers = {run.waiver for run in (shown, *failed.values())}
    waiver = next((one for one in (WaiverAnswer.OTHER, WaiverAnswer.UNKNOWN) if one in answers), shown.waiver)
    invalid = any(run.validity is Validity.INVALID for run in failed.values())
    others = ((seed, _other_finding(run, shown)) for seed, run in failed.items())
    another = next((f"with seed {seed}: {finding}" for seed, finding in others if finding), "")
    runs = "run with a later seed was" if left_out == 1 else "runs with later seeds were"
    not_made = f"{left_out} {runs} left out" if left_out else ""
    return dataclasses.replace(
        together,
        validity=Validity.INVALID if invalid else shown.validity,
        text="\n".join(filter(None, (shown.text, another, not_made))),
        waiver=WaiverAnswer.UNKNOWN if left_out and waiver is WaiverAnswer.WAIVED else waiver,
        failed_runs=() if left_out else together.failed_runs,
    )


def _other_finding(run: CheckedRun, shown: CheckedRun) -> str:
    """Return the first finding of a check that is not as expected here and is in the shown run; empty without one."""
    known = {result.check for result in shown.results if result.validity is not Validity.VALID}
    others = (each for each in run.results if each.validity is not Validity.VALID and each.check not in known)
    return next((finding.message.partition("\n")[0] for each in others for finding in each.findings), "")


def run_directory(number: int) -> str:
    """Return the name of the directory with the evidence of one run of a repeated scenario; they count from 1."""
    return f"run-{number}"


def with_all_runs(shown: CheckedRun, checked: Sequence[CheckedRun]) -> CheckedRun:
    """Return the run that is shown of several, with what is known of all of them."""
    known = all(each.valid or each.failed_runs for each in checked)
    return dataclasses.replace(
        shown,
        repeats=sum(each.repeats for each in checked),
        failed_runs=tuple(run for each in checked for run in each.failed_runs) if known else (),
        figures=largest_figures([each.figures for each in checked]),
    )
