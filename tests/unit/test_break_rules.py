from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.break_each_rule import BREAKS, broken_source, proven_rules
from tests.known_bugs.defects import DEFECTS
from tests.rule_breaks.source import Break, BreakError, flat, swap, wrap

_SOURCE = '''
import math

class Base:
    def size(self, factor=1):
        return factor

class Box(Base):
    @property
    def half(self):
        return self.size() / 2

    def size(self, factor=1):
        """A comment, and a layout, that no break depends on."""
        return (
            super().size(  factor  ) + 1  # one more
        )
'''


@pytest.mark.parametrize("broken", [pytest.param(each, id=f"{proof}-{each.target}") for proof, each in flat(BREAKS)])
def test_a_break_changes_a_function_that_exists(broken: Break) -> None:
    compile(broken_source(broken), broken.file, "exec")


def test_every_rule_has_a_break_and_every_break_a_rule() -> None:
    assert set(BREAKS) == set(proven_rules())


def test_a_known_defect_changes_functions_that_exist_and_is_listed() -> None:
    listed = (Path(__file__).parents[1] / "known_bugs" / "README.md").read_text(encoding="utf-8")
    for defect in DEFECTS:
        assert [each for each in defect.reported.split(", ") if each not in listed] == [], defect.name
        for broken in defect.active_breaks():
            compile(broken_source(broken), broken.file, "exec")
    assert set(re.findall(r"`([a-z]+_[a-z_]+)`", listed)) == {defect.name for defect in DEFECTS}


def _box(broken: Break) -> object:
    names: dict[str, type] = {}
    exec(broken.apply(_SOURCE), names)
    return names["Box"]()


def test_a_wrapped_function_may_call_the_original() -> None:
    box = _box(wrap("a.b:Box.size", "return 10 * original(*args, **kwargs)"))
    assert box.size(factor=3) == 40  # type: ignore[attr-defined]


def test_a_wrapped_property_stays_a_property() -> None:
    assert _box(wrap("a.b:Box.half", "return original(*args) + 1")).half == 2  # type: ignore[attr-defined]


def test_a_fragment_is_found_whatever_its_layout() -> None:
    box = _box(swap("a.b:Box.size", "super().size(factor)", "0"))
    assert box.size(7) == 1  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        pytest.param(wrap("a.b:Box.gone", "pass"), "a/b.py has no gone", id="method"),
        pytest.param(wrap("a.b:Crate.size", "pass"), "a/b.py has no Crate", id="class"),
        pytest.param(wrap("a.b:Box", "pass"), "no plain function", id="class wrapped"),
        pytest.param(swap("a.b:Box.size", "self.weight", "0"), "0 times", id="no such fragment"),
        pytest.param(swap("a.b", "factor", "0"), "2 times", id="fragment twice"),
    ],
)
def test_a_break_without_its_place_is_refused(broken: Break, message: str) -> None:
    with pytest.raises(BreakError, match=message):
        broken.apply(_SOURCE)


def test_a_break_in_a_missing_module_is_refused() -> None:
    with pytest.raises(BreakError, match=r"the runtime has no engine/gone\.py"):
        broken_source(wrap("engine.gone:f", "pass"))
