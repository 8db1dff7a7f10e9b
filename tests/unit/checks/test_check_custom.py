"""Checks that plugins add."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import pytest

from pytest_flink_agents.checks.custom import check_custom
from pytest_flink_agents.checks.finding import Validity
from pytest_flink_agents.checks.judge import judge
from pytest_flink_agents.checks.lent_evidence import Lender
from pytest_flink_agents.evidence.model import Evidence, Output

EVIDENCE = Evidence("local", "2.2.1", "bundled", outputs=(Output("a", -1),))


@pytest.mark.parametrize(
    ("check", "validity", "words"),
    [
        (lambda evidence: [], Validity.VALID, ""),
        (
            lambda evidence: [f"{one.value} is below 0" for one in evidence.outputs],
            Validity.INVALID,
            "mine: -1 is below",
        ),
        (lambda evidence: None, Validity.UNKNOWN, "does not suffice"),
        # A text is no list of sentences: it would be one finding for each letter.
        (lambda evidence: "wrong", Validity.UNKNOWN, "seen str"),
        (lambda evidence: True, Validity.UNKNOWN, "seen bool"),
        (lambda evidence: [1], Validity.UNKNOWN, "seen int"),
        (lambda evidence: evidence.nothing, Validity.UNKNOWN, "AttributeError"),
    ],
)
def test_a_check_says_what_is_wrong_or_that_it_does_not_know(
    check: Callable[[Evidence], Any], validity: Validity, words: str
) -> None:
    (result,) = judge({"mine": lambda: check_custom("mine", check, EVIDENCE)})
    assert (result.check, result.validity) == ("mine", validity)
    assert words in "".join(finding.message for finding in result.findings)


def test_a_check_that_changes_values_changes_no_evidence() -> None:
    evidence = Evidence("local", "2.2.1", "bundled", outputs=(Output("a", {"n": 1, "at": 5}),), metrics={"x": 1.0})

    def tidy(given: Evidence) -> list[str]:
        given.outputs[0].value.pop("at")
        return []

    lender = Lender(evidence)
    for _ in range(2):
        assert check_custom("mine", tidy, lender.lend()).validity is Validity.VALID
    assert evidence.outputs[0].value == {"n": 1, "at": 5}


def test_lent_evidence_is_whole_and_copies_what_is_read_only() -> None:
    evidence = Evidence("local", "2.2.1", "bundled", outputs=(Output("a", {"n": 1}),), metrics={"x": 1.0}, seed=3)
    lent = Lender(evidence).lend()
    assert isinstance(lent, Evidence)
    assert asdict(lent) == asdict(evidence)
    assert replace(lent, seed=4).seed == 4
    assert lent.outputs is lent.outputs
    with pytest.raises(AttributeError, match="evidence has no 'nothing'"):
        _ = lent.nothing  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        lent.seed = 4  # type: ignore[misc]
    with pytest.raises(AttributeError, match="cannot assign to field 'more'"):
        lent.more = 4  # type: ignore[attr-defined]
    lender = Lender(replace(evidence, outputs=(Output("a", lambda: None),)))
    assert lender.lend().metrics == {"x": 1.0}, "what cannot be copied costs the check that reads it, and no other"
    with pytest.raises((pickle.PicklingError, AttributeError)):
        _ = lender.lend().outputs


def test_lent_evidence_equals_and_looks_like_what_it_copies() -> None:
    lender = Lender(EVIDENCE)
    lent, other = lender.lend(), replace(EVIDENCE, seed=7)
    for left, right in ((lent, EVIDENCE), (EVIDENCE, lent), (lent, lender.lend()), (replace(lent, seed=7), other)):
        assert left == right
    for different in (other, replace(lent, seed=7), Lender(other).lend(), None):
        assert lent != different
        assert different != lent
    assert repr(lender.lend()) == repr(EVIDENCE)
