"""The tables of error codes against each other and against the sources."""

from __future__ import annotations

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_flink_agents.codes import environment, harness, job, lint, policy, scenario, services
from pytest_flink_agents.codes.entry import Fault
from pytest_flink_agents.codes.table import TABLES, all_codes, explain

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
CODES = ROOT / "pytest_flink_agents" / "codes"


def texts_of(path: Path) -> Iterator[str]:
    """Yield the string constants of a module; docstrings and comments raise nothing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


@cache
def used_codes() -> frozenset[str]:
    paths = [*(ROOT / "pytest_flink_agents").rglob("*.py"), *(ROOT / "runtime").rglob("*.py")]
    texts = [text for path in paths if not path.is_relative_to(CODES) for text in texts_of(path)]
    return frozenset(code for text in texts for code in re.findall(r"\bFA\d{3}\b", text))


def test_no_code_is_defined_twice() -> None:
    in_tables = Counter(code for table in TABLES for code in table)
    # A key that a dict literal repeats is lost before the tables can be compared.
    written = Counter(
        node.value
        for path in CODES.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.fullmatch(r"FA\d{3}", node.value)
    )
    assert [code for code, count in in_tables.items() if count > 1] == []
    assert [code for code, count in written.items() if count > 1] == []


def test_every_module_of_codes_is_in_the_lookup() -> None:
    assert set(map(id, TABLES)) == {
        id(module.CODES) for module in (scenario, job, policy, environment, services, lint, harness)
    }
    tables = {path.stem for path in CODES.glob("*.py")} - {"__init__", "entry", "table"}
    assert tables == {"scenario", "job", "policy", "environment", "services", "lint", "harness"}


def test_every_raised_code_is_explained() -> None:
    assert used_codes() - set(all_codes()) == set()


def test_every_explained_code_is_raised() -> None:
    assert set(all_codes()) - used_codes() == set()


@pytest.mark.parametrize(
    ("fault", "ranges"),
    [
        (Fault.SCENARIO, "FA20 FA21"),
        (Fault.JOB, "FA22 FA23"),
        (Fault.POLICY, "FA3"),
        (Fault.ENVIRONMENT, "FA4"),
        (Fault.HARNESS, "FA5"),
    ],
)
def test_a_range_of_codes_belongs_to_one_fault(fault: Fault, ranges: str) -> None:
    codes = {code for code, entry in all_codes().items() if entry.fault is fault}
    assert codes == {code for code in all_codes() if code.startswith(tuple(ranges.split()))}


def test_every_entry_has_an_explanation_and_a_next_step() -> None:
    for code, entry in all_codes().items():
        assert entry.title[0].isupper(), code
        assert not entry.title.endswith("."), code
        assert entry.explanation.endswith("."), code
        assert entry.next_step.endswith("."), code


def test_every_code_of_a_file_has_an_example_of_wrong_and_right() -> None:
    entries = {**scenario.CODES, **policy.CODES}
    assert [code for code, entry in entries.items() if "   ->   " not in entry.example] == []


def test_codes_of_the_container_engine_are_not_explained_as_codes_of_the_linter() -> None:
    assert "container engine refused" in (explain("fa473") or "")
    assert explain("FA999") is None
