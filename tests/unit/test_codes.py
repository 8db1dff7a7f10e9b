"""Error codes: each one that is used is explained, and each that is explained is used."""

from __future__ import annotations

import re
from pathlib import Path

from pytest_flink_agents.codes.table import all_codes

ROOT = Path(__file__).parents[2]
TABLES = ("codes.py",)


def used_codes() -> set[str]:
    """Every code in the sources, the tables left out."""
    sources = [*(ROOT / "pytest_flink_agents").rglob("*.py"), *(ROOT / "runtime").rglob("*.py")]
    texts = [path.read_text() for path in sources if path.name not in TABLES]
    return {code for text in texts for code in re.findall(r"\bFA\d{3}\b", text)}


def test_every_code_that_is_used_is_explained() -> None:
    """`flink-agents-gate explain` has an answer for whatever a user may see."""
    assert used_codes() - set(all_codes()) == set()


def test_every_code_that_is_explained_is_used() -> None:
    """No explanation of an error that cannot happen."""
    assert set(all_codes()) - used_codes() == set()


def test_explanations_say_something() -> None:
    """A title and at least a sentence."""
    assert all(len(title) > 5 and len(text) > 20 for title, text in all_codes().values())
