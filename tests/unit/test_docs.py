"""What the documentation says is proven, is: each rule names a case or a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_flink_agents.scenario.load import load_file
from pytest_flink_agents.scenario.project import Project
from tests.parity.cases import load_cases

ROOT = Path(__file__).parents[2]


def proofs(document: str) -> list[tuple[str, str]]:
    """(rule, proof) of each row of the tables whose last column is ``proof``."""
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


def exists(proof: str) -> bool:
    named = re.fullmatch(r"`([^`]+)`", proof)
    if named is None:
        return False
    file, _, test = named[1].partition("::")
    if not file.endswith(".py"):
        return named[1] in {case.name for case in load_cases()}
    path = ROOT / "tests" / "runtime" / file
    return path.is_file() and re.search(rf"^def {test or 'test_'}", path.read_text(encoding="utf-8"), re.M) is not None


@pytest.mark.parametrize("document", ["semantics.md", "differences.md"])
def test_every_rule_names_a_proof_that_exists(document: str) -> None:
    """No row without one, and no name that leads nowhere."""
    rows = proofs(document)
    assert len(rows) > 10
    assert [row for row in rows if not exists(row[1])] == []


def test_all_sixteen_differences_are_there() -> None:
    """Each by its number, in order."""
    assert [rule.partition(" | ")[0] for rule, _ in proofs("differences.md")] == [str(n) for n in range(1, 17)]


def test_every_case_proves_a_rule() -> None:
    """A parity case that no rule names would be kept for nothing."""
    named = {proof.strip("`") for document in ("semantics.md", "differences.md") for _, proof in proofs(document)}
    assert {case.name for case in load_cases()} <= named


def test_a_proof_that_is_gone_is_seen() -> None:
    """A name of no case, a test that is not in its file, and a file that is not there."""
    assert exists("`breadth first`")
    assert exists("`test_memory.py`")
    wrong = ("breadth first", "`breadth last`", "`test_memory.py::test_nothing`", "`test_nowhere.py`", "")
    assert not any(map(exists, wrong))


def test_every_scenario_of_the_documentation_loads(tmp_path: Path) -> None:
    """Each as a file of its own, with the files beside it that it names."""
    (tmp_path / "desk.yaml").write_text("agents: []\n", encoding="utf-8")
    text = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(version: .*?)^```", text, re.M | re.S)
    assert len(blocks) == text.count("```yaml") > 3
    for number, block in enumerate(blocks):
        file = tmp_path / f"{number}.scenario.yaml"
        file.write_text(block, encoding="utf-8")
        assert load_file(file, Project(tmp_path)), block
