"""Keys that are probably mistyped matcher words.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

import difflib
from functools import lru_cache

from pytest_flink_agents.scenario.matching.conditions import BOUNDS

# Stricter than for unknown keys, because a mapping with one key is data in the first place. Short words
# are no candidates: they are too near to ordinary keys such as `note`, `reach` and `get`.
_MISTYPED = 0.8
_SHORT_WORDS = frozenset({"not", "each", *BOUNDS})


@lru_cache(maxsize=1024)
def near_word(word: str, words: frozenset[str]) -> str | None:
    """Return the matcher word that a key was probably meant to be.

    None for ordinary keys.
    """
    near = difflib.get_close_matches(word, words - _SHORT_WORDS, n=1, cutoff=_MISTYPED)
    return near[0] if near else None
