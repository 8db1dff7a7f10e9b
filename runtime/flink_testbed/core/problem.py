"""Errors with a place, an expectation, an observation and a next step.

    Exception
    └── ProblemError               carries one or more Problems
        ├── ScenarioError          FA2xx: the scenario's author, defined with the language
        ├── JobError               FA22x: the job under test
        ├── HostError              FA4xx: the environment; the verdict is inconclusive, never a pass
        │   └── WaitTimeoutError   a deadline passed; holds what was last seen
        └── HarnessError           FA5xx: a bug of this project

The codes: FA2xx scenario, FA3xx policy, FA4xx environment, FA5xx our own bug.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong.

    ``where`` is ``file:line:column``, a URL or a path; ``expected`` and ``seen`` are short texts;
    ``detail`` may have many lines, such as the end of a log.
    """

    code: str
    message: str
    where: str = ""
    expected: str = ""
    seen: str = ""
    next_step: str = ""
    detail: str = ""

    def render(self) -> str:
        """Return the problem as lines of text, most important first."""
        head = f"{self.where}: {self.code}: {self.message}" if self.where else f"{self.code}: {self.message}"
        lines = [head]
        for label, text in (("expected", self.expected), ("seen", self.seen), ("next", self.next_step)):
            if text:
                lines.append(f"  {label + ':':<9} {text}")
        if self.detail:
            lines.extend("    " + line for line in self.detail.rstrip().splitlines())
        return "\n".join(lines)


class ProblemError(Exception):
    """An error with one or more problems; ``str()`` of it is for people."""

    def __init__(self, *problems: Problem) -> None:
        super().__init__(*problems)
        self.problems: tuple[Problem, ...] = problems

    def __str__(self) -> str:
        return "\n".join(problem.render() for problem in self.problems)


class JobError(ProblemError):
    """A fault of the job under test, found before or while it ran."""


class HostError(ProblemError):
    """A fault of the environment, which proves nothing about the job."""


class WaitTimeoutError(HostError):
    """A wait exceeded its deadline."""


class HarnessError(ProblemError):
    """A bug of this project, which proves nothing about the job."""


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most similar to ``word``, or None if none is similar."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else None
