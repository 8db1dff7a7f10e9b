"""The checks of a rehearsed upgrade."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flink_testbed.ledger.entry import EffectCall
from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.upgrade import (
    NOTHING_KNOWN,
    NOTHING_OF_CANDIDATE,
    check_downtime,
    check_rescale,
    check_upgrade,
    downtimes,
    without_candidate,
)
from pytest_flink_agents.evidence.model import Evidence, Output, StepRecord
from pytest_flink_agents.evidence.upgrade import (
    RESCALE,
    STOP,
    STOP_AT_CHECKPOINT,
    STOP_WITHOUT_STATE,
    BlueGreen,
    ShadowDifference,
    Upgrade,
    Version,
)

SAVEPOINT = "file:/run/savepoints/savepoint-1"
BASELINE = Version("baseline", "shop:V1", "a" * 32)
CANDIDATE = Version("candidate", "shop:V2", "b" * 32, SAVEPOINT, SAVEPOINT)
STOPPED = StepRecord(
    "after 1 outputs", f"{STOP}candidate", 2.0, True, SAVEPOINT, interrupted=True, began_s=100.0, ended_s=101.0
)
OUTPUTS = (Output("k", 1, 0, at_s=99.0), Output("k", 2, 1, at_s=100.4), Output("k", 3, 2, at_s=104.9))
RAN = Evidence(
    "embedded",
    "2.2.1",
    "bundled",
    outputs=OUTPUTS,
    input_keys=("k", "k", "k"),
    job_state="FINISHED",
    steps=(STOPPED,),
    upgrade=Upgrade((BASELINE, CANDIDATE), planned=2),
)
PLAN = {"actions": {"add": {"listen_event_types": ["_input_event"]}, "receipt": {"listen_event_types": ["booked"]}}}
RENAMED = {"actions": {"add": {"listen_event_types": ["_input_event"]}, "ticket": {"listen_event_types": ["booked"]}}}


def with_versions(*versions: Version, planned: int = 2) -> Evidence:
    return replace(RAN, upgrade=Upgrade(versions, planned))


def checked(evidence: Evidence, *, removes: tuple[str, ...] = (), counted: tuple[str, ...] = ()) -> CheckResult:
    return check_upgrade(removes, counted, evidence)


def test_a_candidate_that_restored_its_savepoint_is_valid() -> None:
    assert checked(RAN).validity is Validity.VALID
    other_scheme = replace(CANDIDATE, restored="file:///run/savepoints/savepoint-1")
    assert checked(with_versions(BASELINE, other_scheme)).validity is Validity.VALID


@pytest.mark.parametrize("restored", ["", "file:/run/savepoints/savepoint-0"])
def test_a_silent_fresh_start_is_invalid(restored: str) -> None:
    result = checked(with_versions(BASELINE, replace(CANDIDATE, restored=restored)))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert "the candidate began anew" in finding.message
    assert finding.expected == SAVEPOINT


def test_a_start_of_which_flink_does_not_say_what_it_restored_is_unknown() -> None:
    result = checked(with_versions(BASELINE, replace(CANDIDATE, restored=None)))
    assert result.validity is Validity.UNKNOWN
    assert result.findings[0].message == "Flink did not say what the candidate has restored"
    anew = Upgrade((BASELINE, replace(CANDIDATE, savepoint="", restored=None)), 2, stateless=True)
    assert checked(replace(RAN, upgrade=anew)).validity is Validity.UNKNOWN
    assert checked(with_versions(replace(BASELINE, restored=None), CANDIDATE)).validity is Validity.VALID


def test_a_start_without_state_on_purpose_restores_nothing_and_loses_no_action() -> None:
    anew = replace(CANDIDATE, savepoint="", restored="")
    stateless = Upgrade((BASELINE, anew), 2, PLAN, RENAMED, stateless=True)
    assert checked(replace(RAN, upgrade=stateless)).validity is Validity.VALID
    restored = replace(stateless, versions=(BASELINE, replace(anew, restored=SAVEPOINT)))
    result = checked(replace(RAN, upgrade=restored))
    assert result.validity is Validity.INVALID
    assert result.findings[0].message == "the candidate has restored a state"


def test_a_version_in_another_mode_of_python_is_invalid_unless_it_has_no_state() -> None:
    thread, process = replace(BASELINE, python_mode="thread"), replace(CANDIDATE, python_mode="process")
    result = checked(with_versions(thread, process))
    assert result.validity is Validity.INVALID
    assert [(one.expected, one.seen) for one in result.findings] == [("thread mode", "process mode")]
    assert checked(with_versions(thread, replace(process, python_mode="thread"))).validity is Validity.VALID
    stateless = Upgrade((thread, replace(process, savepoint="", restored="")), 2, stateless=True)
    assert checked(replace(RAN, upgrade=stateless)).validity is Validity.VALID


def test_an_effect_before_and_after_a_start_without_state_is_invalid() -> None:
    stopped = replace(STOPPED, act=f"{STOP_WITHOUT_STATE}candidate", interrupted=False)
    anew = Upgrade((BASELINE, replace(CANDIDATE, savepoint="", restored="")), 2, stateless=True)
    evidence = replace(RAN, steps=(stopped,), upgrade=anew, effects=(call(1, 99.0), call(2, 103.0)))
    result = checked(evidence)
    assert result.validity is Validity.INVALID
    assert "the effect payments happened twice" in result.findings[0].message


def test_a_stored_savepoint_before_a_start_without_state_must_be_restored() -> None:
    back = Version("baseline after the rollback", "shop:V1", "c" * 32)
    versions = (replace(CANDIDATE, name="candidate"), back)
    assert checked(replace(RAN, upgrade=Upgrade(versions, 2, stateless=True))).validity is Validity.VALID
    began = (replace(CANDIDATE, restored=""), back)
    assert checked(replace(RAN, upgrade=Upgrade(began, 2, stateless=True))).validity is Validity.INVALID


def test_a_version_that_was_never_started_is_unknown() -> None:
    assert checked(replace(RAN, upgrade=None)).validity is Validity.UNKNOWN
    result = checked(with_versions(BASELINE))
    assert result.validity is Validity.UNKNOWN
    assert result.findings[0].message == "only 1 of 2 jobs were started"


@pytest.mark.parametrize("restored", ["", None])
def test_a_version_whose_program_fails_at_its_launch_is_not_said_to_begin_anew(restored: str | None) -> None:
    unstarted = replace(CANDIDATE, job_id="", restored=restored)
    result = checked(with_versions(BASELINE, unstarted))
    assert result.validity is Validity.UNKNOWN
    assert [finding.message for finding in result.findings] == ["only 1 of 2 jobs were started"]
    on_local = replace(RAN, tier="local", upgrade=Upgrade((replace(BASELINE, job_id=""), unstarted), 2))
    assert checked(on_local).validity is (Validity.UNKNOWN if restored is None else Validity.INVALID)


def test_an_action_that_the_candidate_lacks_is_invalid_unless_it_is_removed_on_purpose() -> None:
    evidence = replace(RAN, upgrade=Upgrade((BASELINE, CANDIDATE), 2, PLAN, RENAMED))
    result = checked(evidence)
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert "the candidate has no action receipt; unreachable: unfinished calls of receipt" in finding.message
    assert finding.seen == "removed, or renamed to ticket, which listens to the same events"
    assert checked(evidence, removes=("receipt",)).validity is Validity.VALID
    assert checked(replace(RAN, upgrade=Upgrade((BASELINE, CANDIDATE), 2, PLAN, PLAN))).validity is Validity.VALID


def test_an_effect_on_both_sides_of_the_switch_is_invalid_unless_its_calls_are_stated() -> None:
    evidence = replace(RAN, effects=(call(1, 99.0), call(2, 103.0)))
    result = checked(evidence)
    assert result.validity is Validity.INVALID
    assert "the effect payments happened twice" in result.findings[0].message
    assert checked(evidence, counted=("payments",)).validity is Validity.VALID
    assert checked(replace(RAN, effects=(call(1, 99.0), call(2, 99.5)))).validity is Validity.VALID


def test_calls_that_do_not_name_their_input_are_unknown_unless_they_are_stated() -> None:
    nameless = (replace(call(1, 99.0), input=None), replace(call(2, 103.0), input=None))
    evidence = replace(RAN, effects=nameless)
    result = checked(evidence)
    assert result.validity is Validity.UNKNOWN
    assert "may be of two inputs: the calls do not name theirs" in result.findings[0].message
    assert check_rescale((), replace(evidence, upgrade=Upgrade((BASELINE, WIDE), 2))).validity is Validity.UNKNOWN
    assert checked(evidence, counted=("payments",)).validity is Validity.VALID


def call(sequence: int, at_s: float) -> EffectCall:
    of_input = {"key": "k", "input": 1, "action": "pay", "status": 201}
    return EffectCall(sequence, at_s, "effects", "payments", "POST /refunds", "POST", "/refunds", **of_input)  # type: ignore[arg-type]


def test_the_downtime_begins_with_the_last_output_of_the_old_version() -> None:
    assert check_downtime(4.5, RAN).validity is Validity.VALID
    result = check_downtime(4.4, RAN)
    assert result.validity is Validity.INVALID
    assert result.findings[0].message == "the downtime before the candidate is 4.5 s"


def test_the_time_in_which_the_old_version_was_idle_is_no_downtime() -> None:
    idle = replace(RAN, outputs=(OUTPUTS[0], OUTPUTS[2]))
    assert check_downtime(4.9, idle).validity is Validity.VALID
    assert check_downtime(4.8, idle).validity is Validity.INVALID


@pytest.mark.parametrize("stop", [STOP, STOP_AT_CHECKPOINT, STOP_WITHOUT_STATE])
def test_every_kind_of_stop_has_a_downtime(stop: str) -> None:
    result = check_downtime(4.4, replace(RAN, steps=(replace(STOPPED, act=f"{stop}candidate"),)))
    assert result.findings[0].message == "the downtime before the candidate is 4.5 s"


@pytest.mark.parametrize(
    "evidence",
    [
        replace(RAN, outputs=OUTPUTS[:2]),
        replace(RAN, outputs=(*OUTPUTS, Output("k", 4, 3))),
        replace(RAN, steps=()),
        replace(RAN, steps=(replace(STOPPED, felt=False),)),
    ],
    ids=["no output after it", "an output without a time", "no switch", "a switch that was refused"],
)
def test_a_downtime_that_was_not_measured_is_unknown(evidence: Evidence) -> None:
    assert check_downtime(60.0, evidence).validity is Validity.UNKNOWN


WIDE = Version("job with parallelism 2", "shop:V1", "b" * 32, SAVEPOINT, SAVEPOINT, 2)
RESCALED = replace(STOPPED, act=f"{RESCALE}2")


def test_a_rescaled_job_that_restored_its_savepoint_is_valid() -> None:
    assert check_rescale((), with_versions(BASELINE, WIDE)).validity is Validity.VALID


def test_a_rescaled_job_that_began_anew_is_invalid_at_the_faults() -> None:
    result = check_rescale((), with_versions(BASELINE, replace(WIDE, restored="")))
    assert result.validity is Validity.INVALID
    (finding,) = result.findings
    assert "the job with parallelism 2 began anew" in finding.message
    assert finding.path == ("faults",)


def test_a_job_that_was_never_rescaled_is_unknown() -> None:
    assert check_rescale((), replace(RAN, upgrade=None)).validity is Validity.UNKNOWN
    assert check_rescale((), with_versions(BASELINE)).validity is Validity.UNKNOWN


def test_the_downtime_of_a_rescale_is_named_after_its_parallelism() -> None:
    (amount,) = downtimes(replace(RAN, steps=(RESCALED,)))
    assert (amount.name, amount.value) == ("the downtime before parallelism 2", 4.5)


@pytest.mark.parametrize(
    ("dropped", "validity"), [((), Validity.VALID), (("a1",), Validity.INVALID), (None, Validity.UNKNOWN)]
)
def test_a_program_may_not_drop_state_of_the_savepoint(dropped: tuple[str, ...] | None, validity: Validity) -> None:
    result = checked(with_versions(BASELINE, replace(CANDIDATE, dropped=dropped)))
    assert result.validity is validity
    assert not dropped or "the candidate dropped state of the savepoint" in result.findings[0].message
    anew = replace(CANDIDATE, savepoint="", restored="", dropped=dropped)
    assert checked(replace(RAN, upgrade=Upgrade((BASELINE, anew), 2, stateless=True))).validity is Validity.VALID


FAILED = (
    CheckResult("failure", Validity.INVALID, (Finding("the job failed: no"),)),
    CheckResult("logs", Validity.VALID),
)


def test_a_baseline_that_fails_before_the_switch_says_nothing_about_the_candidate() -> None:
    failure, logs = without_candidate(FAILED, with_versions(BASELINE))
    assert failure.validity is Validity.UNKNOWN
    assert [finding.message for finding in failure.findings] == [NOTHING_OF_CANDIDATE, "the job failed: no"]
    assert logs.validity is Validity.VALID


@pytest.mark.parametrize(
    "evidence",
    [
        pytest.param(RAN, id="the candidate ran"),
        pytest.param(with_versions(CANDIDATE, planned=2), id="the candidate began from a stored savepoint"),
        pytest.param(with_versions(replace(BASELINE, name="job with parallelism 1")), id="a rescaled job"),
        pytest.param(replace(RAN, upgrade=None), id="no upgrade"),
    ],
)
def test_a_failure_of_the_candidate_stays_invalid(evidence: Evidence) -> None:
    assert without_candidate(FAILED, evidence) == FAILED


def test_an_action_that_the_candidate_lacks_is_invalid_though_it_never_ran() -> None:
    evidence = replace(RAN, upgrade=Upgrade((BASELINE,), 2, PLAN, RENAMED))
    (result,) = without_candidate([checked(evidence)], evidence)
    assert result.validity is Validity.INVALID


@pytest.mark.parametrize(
    ("before", "now", "validity"),
    [
        ("thread", "thread", Validity.VALID),
        ("", "thread", Validity.VALID),
        ("thread", "process", Validity.INVALID),
        ("process", "thread", Validity.INVALID),
        ("thread", "", Validity.UNKNOWN),
        (None, "thread", Validity.UNKNOWN),
        ("thread", None, Validity.UNKNOWN),
        (None, None, Validity.UNKNOWN),
    ],
)
def test_a_program_in_another_mode_of_python_does_not_find_its_state(
    before: str | None, now: str | None, validity: Validity
) -> None:
    versions = (replace(BASELINE, python_mode=before), replace(CANDIDATE, python_mode=now))
    assert checked(with_versions(*versions)).validity is validity
    agents = replace(RAN, upgrade=Upgrade(versions, 2, PLAN, PLAN))
    assert checked(agents).validity is (Validity.VALID if before == now else Validity.INVALID)


PROMOTED = BlueGreen(1, 2, served=True, outputs_from=3, outputs=1, savepoint=SAVEPOINT)


def with_beside(beside: BlueGreen, *versions: Version) -> Evidence:
    versions = versions or (BASELINE, CANDIDATE)
    return replace(RAN, upgrade=Upgrade(versions, len(versions), blue_green=beside))


def test_a_candidate_that_took_over_is_valid_and_says_what_was_not_needed() -> None:
    result = checked(with_beside(replace(PROMOTED, remarks=("allow: x matched nothing",), losses=("it died",))))
    assert result.validity is Validity.VALID
    assert [(one.message, one.path) for one in result.findings] == [
        ("allow: x matched nothing", ("upgrade", "allow")),
        ("it died", ("upgrade", "mode")),
    ]


def test_a_candidate_that_differed_in_its_shadow_is_invalid_with_its_differences() -> None:
    difference = ShadowDifference('"k"', "output 1 value.n", "1", "2")
    beside = BlueGreen(1, 2, step="shadow", reason="1 differences from the baseline", differences=(difference,))
    result = checked(with_beside(beside))
    assert result.validity is Validity.INVALID
    assert [one.message for one in result.findings] == [
        "the candidate was given up at the step shadow: 1 differences from the baseline",
        'the candidate differs from the baseline in its shadow, key "k": output 1 value.n',
    ]
    assert (result.findings[1].expected, result.findings[1].seen) == ("1", "2")


@pytest.mark.parametrize("step", ["savepoint", "start", "shadow"])
def test_a_candidate_that_was_given_up_on_purpose_is_valid(step: str) -> None:
    assert checked(with_beside(BlueGreen(1, 2, wanted=step, step=step), BASELINE)).validity is Validity.VALID
    broken = BlueGreen(1, 2, wanted=step, step=step, reason="its job is failed after 0 restarts")
    assert checked(with_beside(broken)).validity is Validity.INVALID


@pytest.mark.parametrize(
    "beside",
    [
        BlueGreen(1, 2),
        BlueGreen(1, 2, wanted="shadow"),
        BlueGreen(1, 2, wanted="shadow", served=True),
        BlueGreen(1, 2, wanted="shadow", step="start"),
        BlueGreen(1, 2, step="savepoint", reason="Flink wrote no savepoint", known=False),
        BlueGreen(1, 2, served=True, step="switch", reason="the broker is silent", known=False),
    ],
    ids=["never", "not given up", "took over instead", "given up elsewhere", "no savepoint", "half a switch"],
)
def test_a_promotion_that_did_not_go_as_the_scenario_wants_is_unknown(beside: BlueGreen) -> None:
    assert checked(with_beside(beside)).validity is Validity.UNKNOWN


def test_a_candidate_of_which_nothing_is_known_is_not_blamed_for_what_the_baseline_does() -> None:
    beside = BlueGreen(1, 2, step="start", reason="Flink did not answer", known=False)
    failure, logs = without_candidate(FAILED, with_beside(beside))
    assert failure.validity is Validity.UNKNOWN
    assert [finding.message for finding in failure.findings] == [NOTHING_KNOWN, "the job failed: no"]
    assert logs.validity is Validity.VALID


@pytest.mark.parametrize(
    "beside",
    [PROMOTED, BlueGreen(1, 2, step="shadow", reason="1 difference"), BlueGreen(1, 2, wanted="shadow", step="shadow")],
)
def test_beside_a_candidate_that_is_known_a_failure_stays_invalid(beside: BlueGreen) -> None:
    assert without_candidate(FAILED, with_beside(beside)) == FAILED


def test_what_came_after_the_judgement_of_a_candidate_that_serves_is_invalid() -> None:
    late = ShadowDifference('"k"', "effect of kitchen", "-", "{}")
    result = checked(with_beside(replace(PROMOTED, differences=(late,))))
    assert result.validity is Validity.INVALID
    assert [one.message for one in result.findings] == [
        'the candidate differs from the baseline in its shadow, key "k": effect of kitchen'
    ]


def test_a_candidate_that_took_over_without_the_savepoint_is_invalid() -> None:
    assert checked(with_beside(PROMOTED, BASELINE, replace(CANDIDATE, restored=""))).validity is Validity.INVALID
