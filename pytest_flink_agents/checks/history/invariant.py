"""The invariants of a run, and what breaks one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from itertools import islice

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.vocabulary import Word

# The number of counter-examples that a result shows.
EXAMPLES = 20


class Invariant(str, Enum):
    """A guarantee that one checker decides."""

    NO_LOSS = "no loss"
    NO_DUPLICATE = "no duplicate"
    NO_PHANTOM = "no phantom"
    ORDER = "order"
    NO_REACTION = "no completed action again"
    STATE = "state restored"
    LIVENESS = "live again"
    FENCED = "old attempts fenced"


class Origin(Word):
    """The part of the system that broke an invariant, as far as the evidence shows."""

    PRODUCER = "the producer of the inputs"
    BROKER = "the broker"
    CONNECTOR = "the connector"
    JOB = "the job"


def invalid_if_any(invariant: Invariant, examples: Iterable[Finding], *, otherwise: CheckResult) -> CheckResult:
    """Return *invalid* with the first counter-examples, ``otherwise`` if there is none."""
    shown = tuple(islice(examples, EXAMPLES))
    return CheckResult(invariant.value, Validity.INVALID, shown) if shown else otherwise


def invalid(invariant: Invariant, finding: Finding) -> CheckResult:
    """Return *invalid* with one counter-example."""
    return CheckResult(invariant.value, Validity.INVALID, (finding,))


def valid(invariant: Invariant) -> CheckResult:
    """Return *valid*."""
    return CheckResult(invariant.value, Validity.VALID)


def unknown(invariant: Invariant, *findings: Finding) -> CheckResult:
    """Return *unknown*, with the reasons."""
    return CheckResult(invariant.value, Validity.UNKNOWN, findings)


def more(count: int, what: str) -> str:
    """Return words for the counter-examples that are not shown, empty if there are none."""
    return f" (and {count - EXAMPLES} more {what})" if count > EXAMPLES else ""


def together(name: str, results: Sequence[CheckResult]) -> CheckResult:
    """Combine the results of several invariants into the result of one check.

    *Invalid* before *unknown* before *valid*; only the findings of the results that decided it are kept.
    """
    for validity in (Validity.INVALID, Validity.UNKNOWN):
        of_validity = [result for result in results if result.validity is validity]
        if of_validity:
            return CheckResult(name, validity, tuple(finding for result in of_validity for finding in result.findings))
    return CheckResult(name, Validity.VALID, tuple(finding for result in results for finding in result.findings))
