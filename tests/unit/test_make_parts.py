"""The parts of ``make test`` run every folder of tests once."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def test_each_folder_of_integration_tests_is_in_one_part() -> None:
    named = [
        name for names in re.findall(r"addprefix tests/integration/,([\w ]+)\)", MAKEFILE) for name in names.split()
    ]
    folders = {path.parent.name for path in (ROOT / "tests" / "integration").glob("*/test_*.py")}
    assert sorted(named) == sorted(folders)


def test_make_test_runs_every_part() -> None:
    joined = MAKEFILE.replace("\\\n", " ")
    (recipe,) = re.findall(r"^test: .*\n(?:\t@echo.*\n)?\t\$\(SIDE_BY_SIDE\) (.*)$", joined, re.MULTILINE)
    parts = set(re.findall(r"^(test-[\w-]+):", MAKEFILE, re.MULTILINE))
    # One needs a container engine, one is a shorter name for some of the others, and these take minutes.
    slow = {"test-cross-language", "test-faults", "test-upgrades"}
    named = {word for word in recipe.split() if "=" not in word}
    assert named == parts - slow - {"test-container", "test-integration"}
