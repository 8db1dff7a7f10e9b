"""The headline of a checked run, and several runs as one."""

from __future__ import annotations

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.waiver import WaiverAnswer, failed_run
from pytest_flink_agents.evidence.model import Evidence
from pytest_flink_agents.run.checked_run import CheckedRun, runs_together, with_later_seeds

NOTE = CheckResult("delivery", Validity.VALID, (Finding("in flight at the kill: 1"),))
WRONG = CheckResult("effects", Validity.INVALID, (Finding("payments was called 3 times\nby key c-1"),))


def test_the_headline_is_the_first_finding_of_what_is_not_valid() -> None:
    evidence = Evidence("embedded", "2.2.1", "bundled")
    assert CheckedRun(evidence, (NOTE, WRONG), Validity.INVALID, "").headline == "payments was called 3 times"
    assert CheckedRun(evidence, (NOTE,), Validity.VALID, "").headline == ""


OUTPUTS = CheckResult("outputs", Validity.INVALID, (Finding("output 1 is not as expected"),))
PASSED = CheckedRun(Evidence("local", "2.2.1", "bundled"), (NOTE,), Validity.VALID, "", WaiverAnswer.PASSED)


def failed(result: CheckResult, waiver: WaiverAnswer = WaiverAnswer.WAIVED) -> CheckedRun:
    runs = (failed_run((result,), PASSED.evidence),)
    return CheckedRun(PASSED.evidence, (result,), result.validity, "shown", waiver, failed_runs=runs)


def test_a_failure_is_excused_only_with_the_runs_of_all_seeds() -> None:
    known, other = failed(WRONG), failed(OUTPUTS, WaiverAnswer.OTHER)
    alike = with_later_seeds(known, [PASSED], {3: PASSED, 4: known}, 0)
    assert (alike.waiver, len(alike.failed_runs), alike.repeats, alike.text) == (WaiverAnswer.WAIVED, 2, 4, "shown")
    worse = with_later_seeds(known, [PASSED], {3: other, 4: known}, 0)
    assert (worse.waiver, len(worse.failed_runs)) == (WaiverAnswer.OTHER, 3)
    assert worse.text == "shown\nwith seed 3: output 1 is not as expected"
    cut = with_later_seeds(known, [], {3: known}, 7)
    assert (cut.waiver, cut.failed_runs, cut.validity) == (WaiverAnswer.UNKNOWN, (), Validity.INVALID)
    assert cut.text == "shown\n7 runs with later seeds were left out"
    # Nor are they known together with the runs of a repeated scenario.
    assert runs_together([known, cut], 2).failed_runs == ()
    assert len(runs_together([known, PASSED], 2).failed_runs) == 1


def test_a_failure_outweighs_a_run_of_an_earlier_seed_that_could_not_be_judged() -> None:
    unknown = failed(CheckResult("effects", Validity.UNKNOWN, (Finding("the ledger ended"),)), WaiverAnswer.UNKNOWN)
    assert with_later_seeds(unknown, [], {2: failed(OUTPUTS)}, 0).validity is Validity.INVALID
    assert with_later_seeds(unknown, [], {2: unknown}, 0).validity is Validity.UNKNOWN
