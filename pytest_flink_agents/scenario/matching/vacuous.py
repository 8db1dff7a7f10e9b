"""Whether a pattern of a scenario says anything at all.

Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from flink_testbed.core.patterns import compile_pattern

# Texts so different that a pattern found in all of them says nothing.
_PROBES = ("", "a", "7", " ", "\n", "-_/#", "\u2603\u00e9", "two words\nand a line", "x" * 70)


def always_found(pattern: str) -> bool:
    """Whether a sound pattern is found in every text, as far as a few very different texts tell."""
    compiled = compile_pattern(pattern)
    return all(compiled.is_found(probe) for probe in _PROBES)
