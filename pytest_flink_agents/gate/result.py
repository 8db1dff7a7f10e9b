"""The result of one scenario on one tier, or of one plain test."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pytest_flink_agents.compare.sides import Comparison
from pytest_flink_agents.evidence.failed_run import FailedRun
from pytest_flink_agents.vocabulary import Promise, Standing, Tier, Word


class Outcome(Word):
    """The end of an item. Only ``passed`` shows that something works."""

    PASSED = "passed"
    FAILED = "failed"
    # Passed in one attempt, and failed, was not judged or did not run in another; or passed in
    # enough runs of its ``repeat``, and not in all.
    FLAKY = "flaky"
    # Ran, and the evidence is not enough to judge it.
    UNKNOWN = "unknown"
    # Did not run for a reason outside the scenario, such as a cluster that could not start.
    NOT_RUN = "not_run"
    SKIPPED = "skipped"
    # Excluded by the scenario's own ``tiers:`` or ``flink:``, or by versions that do not go together.
    NOT_APPLICABLE = "not_applicable"
    # Failed as the scenario's ``expect_fail`` says.
    WAIVED = "waived"

    @classmethod
    def of(cls, word: str) -> Outcome:
        """Return the outcome that pytest or another plugin names; an unknown word is ``unknown``.

        Plugins invent outcomes ("rerun"), and the gate promotes only what it understands.
        """
        return next((outcome for outcome in cls if outcome.value == word), cls.UNKNOWN)


# The figures that a policy may limit, each with the unit that follows its number.
UNITS = {"latency_p95": " ms", "tokens": "", "cost": "", "recovery": " s", "duration": " s"}


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured number, or the ``reason`` why it is not known.

    ``final`` is False if the number may be larger, for the same reason.
    """

    value: float | None
    reason: str = ""
    final: bool = True

    @classmethod
    def largest(cls, figures: Sequence[Figure]) -> Figure:
        """Return the largest of several figures, which may be larger if one of them is not known."""
        doubt = next((figure for figure in figures if figure.value is None or not figure.final), None)
        values = [figure.value for figure in figures if figure.value is not None]
        return cls(max(values, default=None), doubt.reason if doubt else "", final=doubt is None)


def largest_figures(runs: Sequence[Mapping[str, Figure]]) -> dict[str, Figure]:
    """Return the largest of each figure over several runs of one scenario."""
    words = {word: None for figures in runs for word in figures}
    missing = Figure(None, "a run recorded none")
    return {word: Figure.largest([figures.get(word, missing) for figures in runs]) for word in words}


@dataclass(frozen=True, slots=True)
class ItemResult:
    """One item's outcome with everything that the reports show of it.

    ``tier`` is None for a plain test. ``message`` is one line (the reason of a skip, the first finding of a failure),
    ``detail`` the whole text. ``line`` is that of the expectation which ``message`` is about, else that of the scenario or
    test, from 1. ``evidence`` is a path relative to the run folder, that of the shown run if there are
    several. ``attempt`` counts from 1. ``runs``
    describes the runs of a repeated scenario; ``tolerated`` is True for a flaky one that passed as often as it asks for.
    ``promises`` are those that faults put to the test, of the run that is shown.

    ``repeats`` is the number of runs. ``failed_runs`` are those that are not as expected; empty if it is not known for
    each of them which checks failed. ``figures`` are the largest of all runs, by the words of a policy's limits.
    ``real_model`` is True if a real model answered.

    ``other_error`` is the error of pytest, of another plugin or of a conftest.py in one of the attempts, one line; empty
    without one. It says nothing about the scenario, so neither its severity nor a policy excuses it.

    ``comparisons`` are the run beside its baseline, and beside that of another tier.
    """

    node_id: str
    name: str
    outcome: Outcome
    tier: Tier | None = None
    flink_version: str = ""
    engine: str = ""
    severity: str = "block"
    message: str = ""
    detail: str = ""
    file: str = ""
    line: int = 0
    duration_s: float = 0.0
    evidence: str = ""
    requirement: str = ""
    owner: str = ""
    reproduce: str = ""
    attempt: int = 1
    runs: str = ""
    tolerated: bool = False
    promises: tuple[Promise, ...] = ()
    tags: tuple[str, ...] = ()
    repeats: int = 1
    failed_runs: tuple[FailedRun, ...] = ()
    figures: Mapping[str, Figure] = field(default_factory=dict)
    real_model: bool = False
    other_error: str = ""
    comparisons: tuple[Comparison, ...] = ()

    @property
    def ran(self) -> bool:
        """True if the item ran, even if a later error says that it did not."""
        return self.outcome in RAN or bool(self.figures)

    def as_data(self) -> dict[str, Any]:
        """Return the result as plain data, which pytest-xdist can send: enumerations become their words."""
        # Not asdict, which copies each value: a session describes each of its results several times.
        data = {name: getattr(self, name) for name in _FIELDS}
        promises = [{**dataclasses.asdict(promise), "standing": promise.standing.value} for promise in self.promises]
        return data | {
            "outcome": self.outcome.value,
            "tier": self.tier.value if self.tier else None,
            "engine": str(self.engine),
            "promises": promises,
            "failed_runs": [dataclasses.asdict(run) for run in self.failed_runs],
            "figures": {name: dataclasses.asdict(figure) for name, figure in self.figures.items()},
            "comparisons": [dataclasses.asdict(comparison) for comparison in self.comparisons],
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> ItemResult:
        """Return the result that :meth:`as_data` described."""
        tier = Tier(data["tier"]) if data["tier"] else None
        promises = tuple(Promise(each["name"], Standing(each["standing"]), each["reason"]) for each in data["promises"])
        return cls(
            **{
                **data,
                "outcome": Outcome.of(data["outcome"]),
                "tier": tier,
                "promises": promises,
                "tags": tuple(data["tags"]),
                "failed_runs": tuple(map(FailedRun.from_data, data["failed_runs"])),
                "figures": {name: Figure(**figure) for name, figure in data["figures"].items()},
                "comparisons": tuple(map(Comparison.from_data, data["comparisons"])),
            }
        )


_FIELDS = tuple(field.name for field in dataclasses.fields(ItemResult))
# Outcomes of an item that ran on its tier.
RAN = (Outcome.PASSED, Outcome.FAILED, Outcome.FLAKY, Outcome.WAIVED, Outcome.UNKNOWN)
# Outcomes that a pass in another attempt does not outweigh, the worst first, in words.
_NO_PASS = {Outcome.FAILED: "failed", Outcome.UNKNOWN: "not judged", Outcome.NOT_RUN: "not run"}


def merge_attempts(attempts: Sequence[ItemResult]) -> ItemResult:
    """Return one result for all attempts at an item.

    ``attempts`` are in the order in which they ran. The worst one counts, since a rerun does not
    disprove a failure; a flaky one outweighs one that passed. If another attempt passed, the item
    is flaky, even if the worst attempt was only not judged or not run: an agent that sometimes ends
    its TaskManager shows as such an attempt. Durations add up; of each figure the largest of all
    attempts counts.
    """
    duration_s = sum(result.duration_s for result in attempts)
    failed_runs, figures = _failed_runs(attempts), _largest_figures(attempts)
    other_error = next((result.other_error for result in attempts if result.other_error), "")
    attempts = [
        dataclasses.replace(result, failed_runs=failed_runs, figures=figures, other_error=other_error)
        for result in attempts
    ]
    latest_first = attempts[::-1]
    worst = next((each for outcome in _NO_PASS for each in latest_first if each.outcome is outcome), None)
    flaky = next((each for each in latest_first if each.outcome is Outcome.FLAKY), None)
    passed = next((each for each in latest_first if each.outcome is Outcome.PASSED), flaky)
    if worst is None:
        return dataclasses.replace(flaky or attempts[-1], duration_s=duration_s)
    if passed is None:
        return dataclasses.replace(worst, duration_s=duration_s)
    seen = f"{_NO_PASS[worst.outcome]} in attempt {worst.attempt}, passed in attempt {passed.attempt}: {worst.message}"
    return dataclasses.replace(worst, outcome=Outcome.FLAKY, message=seen, duration_s=duration_s)


def _failed_runs(attempts: Sequence[ItemResult]) -> tuple[FailedRun, ...]:
    """Return the failed runs of all attempts, none if those of one attempt are not known."""
    failed = [result for result in attempts if result.outcome in _NO_PASS]
    if any(not result.failed_runs for result in failed):
        return ()
    return tuple(run for result in attempts for run in result.failed_runs)


def _largest_figures(attempts: Sequence[ItemResult]) -> dict[str, Figure]:
    """Return the largest figures of the attempts that ran: no attempt is exempt from a limit."""
    return largest_figures([result.figures for result in attempts if result.ran])
