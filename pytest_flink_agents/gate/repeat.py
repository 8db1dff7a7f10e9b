"""The runs of a repeated scenario, counted. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pytest_flink_agents.gate.result import Outcome

# The normal distribution's value for an interval that holds the true rate in 95 of 100 cases.
_Z = 1.959963984540054


@dataclass(frozen=True, slots=True)
class RunCounts:
    """The number of runs, of those that passed and of those that could not be judged.

    At least ``min_pass`` runs must pass.
    """

    runs: int
    passed: int
    min_pass: int
    unknown: int = 0

    @property
    def outcome(self) -> Outcome:
        """The outcome of all runs together.

        Runs that could not be judged never count as passed; they leave the outcome open only if
        they could have changed it.
        """
        if self.passed == self.runs:
            return Outcome.PASSED
        if self.passed >= self.min_pass:
            return Outcome.FLAKY
        return Outcome.UNKNOWN if self.passed + self.unknown >= self.min_pass else Outcome.FAILED

    def interval(self) -> tuple[float, float]:
        """Return the bounds of the pass rate, with a confidence of 95 %.

        Wilson's score interval, which holds for few runs and for rates near 0 and 1 as well.
        """
        count, rate = self.runs, self.passed / self.runs
        centre = (rate + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
        half = _Z * math.sqrt(rate * (1 - rate) / count + _Z**2 / (4 * count**2)) / (1 + _Z**2 / count)
        return max(0.0, centre - half), min(1.0, centre + half)

    def __str__(self) -> str:
        low, high = self.interval()
        unknown = f", {self.unknown} not judged" if self.unknown else ""
        required = f"; {self.min_pass} must" if self.passed < self.runs else ""
        return (
            f"{self.passed} of {self.runs} runs passed{unknown}{required} "
            f"(pass rate {self.passed / self.runs:.0%}, 95 % interval {low:.0%} to {high:.0%})"
        )
