"""Each rule of the documentation names a proof that exists."""

from __future__ import annotations

import functools
import re

import pytest

from tests.parity.cases import load_cases
from tests.support.documentation import ROOT


def proofs(document: str) -> list[tuple[str, str]]:
    """Return (rule, proof) of each row of the tables whose last column is ``proof``."""
    found, proven = [], False
    for line in (ROOT / "docs" / document).read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            proven = False
        elif cells[-1] == "proof":
            proven = True
        elif proven and not set(line) <= set("|-"):
            found.append((" | ".join(cells[:-1]), cells[-1]))
    return found


@functools.cache
def case_names() -> frozenset[str]:
    return frozenset(case.name for case in load_cases())


def exists(proof: str) -> bool:
    named = re.fullmatch(r"`([^`]+)`", proof)
    if named is None:
        return False
    file, _, test = named[1].partition("::")
    if not file.endswith(".py"):
        return named[1] in case_names()
    path = ROOT / "tests" / "runtime" / file
    return path.is_file() and re.search(rf"^def {test or 'test_'}", path.read_text(encoding="utf-8"), re.M) is not None


@pytest.mark.parametrize("document", ["semantics.md", "differences.md"])
def test_every_rule_names_a_proof_that_exists(document: str) -> None:
    rows = proofs(document)
    assert len(rows) > 10
    assert [row for row in rows if not exists(row[1])] == []


def test_all_sixteen_differences_are_listed_in_order() -> None:
    assert [rule.partition(" | ")[0] for rule, _ in proofs("differences.md")] == [str(n) for n in range(1, 17)]


def test_every_parity_case_proves_a_rule() -> None:
    named = {proof.strip("`") for document in ("semantics.md", "differences.md") for _, proof in proofs(document)}
    assert case_names() <= named


def named_tests(text: str) -> list[str]:
    """Return the tests and scenarios that a text names, as ``tests/FILE::NAME``."""
    return re.findall(r"`(tests/[^`]*::[^`]*)`", text)


def is_there(named: str) -> bool:
    file, _, name = named.partition("::")
    path = ROOT / file
    wanted = f"^def {re.escape(name)}\\(" if file.endswith(".py") else f"^name: {re.escape(name)}$"
    return path.is_file() and re.search(wanted, path.read_text(encoding="utf-8"), re.M) is not None


def test_every_fault_names_tests_that_exist_or_a_reason() -> None:
    text = (ROOT / "docs/faults.md").read_text(encoding="utf-8")
    assert [named for named in named_tests(text) if not is_there(named)] == []
    rows = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| fault |")]
    assert len(rows) > 25
    assert [row for row in rows if not named_tests(row) and "not done" not in row] == []


def test_a_test_that_does_not_exist_is_detected() -> None:
    assert is_there("tests/unit/docs/test_docs_proofs.py::test_a_missing_proof_is_detected")
    assert is_there("tests/fault_scenarios/till.scenario.yaml::totals survive the loss of the JobManager")
    for wrong in (
        "tests/unit/docs/test_docs_proofs.py::test_a_missing_proof",
        "tests/unit/docs/test_docs_nothing.py::test_a_missing_proof_is_detected",
        "tests/fault_scenarios/till.scenario.yaml::totals survive",
    ):
        assert not is_there(wrong)


def test_a_missing_proof_is_detected() -> None:
    """Not a case, not a test of its file, not a file, and nothing at all."""
    assert exists("`breadth first`")
    assert exists("`test_memory.py`")
    wrong = ("breadth first", "`breadth last`", "`test_memory.py::test_nothing`", "`test_nowhere.py`", "")
    assert not any(map(exists, wrong))
