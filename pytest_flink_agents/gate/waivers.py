"""Known failures of a policy, applied to the results of a session. Pure."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Sequence

from pytest_flink_agents.checks.waiver import WaiverAnswer, answer_to_failure
from pytest_flink_agents.gate.policy import KnownFailure
from pytest_flink_agents.gate.result import ItemResult, Outcome

# Outcomes of a scenario that may still fail as announced elsewhere: nothing is said about its waiver.
_NOT_SEEN = (Outcome.NOT_RUN, Outcome.SKIPPED, Outcome.NOT_APPLICABLE)


def with_waivers(
    results: Sequence[ItemResult], known: Sequence[KnownFailure], today: datetime.date
) -> tuple[ItemResult, ...]:
    """Return the results, those *waived* that failed exactly as a failure that is known and has not expired.

    Only failures that were seen are waived: a result that could not be judged may hide another one.
    """
    valid = [one for one in known if today <= one.until]
    return tuple(_waived(result, valid) for result in results)


def remarks_on(
    results: Sequence[ItemResult], known: Sequence[KnownFailure], today: datetime.date
) -> list[tuple[KnownFailure, str]]:
    """Return each known failure that is of no use, and why.

    ``results`` are those without waivers.
    """
    remarks = ((one, _useless(one, [each for each in results if _id_of(each) == one.scenario], today)) for one in known)
    return [(one, why) for one, why in remarks if why]


def _waived(result: ItemResult, known: Sequence[KnownFailure]) -> ItemResult:
    if result.outcome is not Outcome.FAILED or not result.failed_runs or result.other_error:
        return result
    for one in known:
        if one.scenario == _id_of(result) and _explains(one, result):
            message = f"{one.reason} (until {one.until}, {one.place}; seen: {result.message})"
            return dataclasses.replace(result, outcome=Outcome.WAIVED, message=message, owner=one.owner)
    return result


def _explains(known: KnownFailure, result: ItemResult) -> bool:
    """Return whether every run that is not as expected failed as announced."""
    return all(answer_to_failure(known.failure, run) is WaiverAnswer.WAIVED for run in result.failed_runs)


def _useless(known: KnownFailure, results: Sequence[ItemResult], today: datetime.date) -> str:
    if not results:
        return "no scenario of this session has this name"
    if today > known.until:
        return f"it expired on {known.until}, and waives nothing"
    if any(result.failed_runs and not result.other_error and _explains(known, result) for result in results):
        return ""
    if any(result.outcome is Outcome.FAILED for result in results):
        return "the scenario failed in another way, which is not waived"
    return "" if all(result.outcome in _NOT_SEEN for result in results) else "the scenario does not fail: remove it"


def _id_of(result: ItemResult) -> str:
    return f"{result.file}::{result.name}"
