"""The page of example scenarios, and an example of each word of the language from the documentation itself.

Examples are taken from the scenarios of this repository, of the documentation and of ``words.scenario.yaml``, which the
strict loader all accepts. So an example can never be wrong, and a word without one is an error of the build.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from pytest_flink_agents.scenario.document import parse
from tools.reference.markdown import block, page

ROOT = Path(__file__).parents[2]
WORDS = Path(__file__).with_name("words.scenario.yaml")
_BLOCK = re.compile(r"^```yaml[^\n]*\n(?:#[^\n]*\n)*(version: .*?)^```", re.M | re.S)
_LONGEST = 70


class MissingExampleError(LookupError):
    """A word of the language of which no scenario has an example."""


def examples_page() -> str:
    """Return the page: every scenario of the folder ``scenarios``, and the agents that they run."""
    parts = [
        "These scenarios are part of this repository, below `scenarios/`. `make gate` runs them. The agents import "
        "flink_agents only, as an agent of yours does.",
        "## Scenarios",
    ]
    for file in sorted((ROOT / "scenarios").glob("*.scenario.yaml")):
        parts += [f"### {file.name}", block("yaml", file.read_text(encoding="utf-8"))]
    parts.append("## Agents")
    for file in sorted((ROOT / "scenarios" / "agents").glob("[!_]*")):
        if file.is_file():
            language = "yaml" if file.suffix == ".yaml" else "python"
            parts += [f"### agents/{file.name}", block(language, file.read_text(encoding="utf-8"))]
    return page("Example scenarios", *parts)


def example_at(path: Sequence[str], schema: Mapping[str, Any], scenarios: Sequence[Any]) -> str:
    """Return the shortest example of a word at a place, as YAML on one line.

    ``schema`` is that of the mapping that holds the word: another form of the mapping at the same place does not count.
    Raises :class:`MissingExampleError` if no scenario has one.
    """
    *place, word = path
    found = [
        _flow(mapping[word])
        for scenario in scenarios
        for mapping in _mappings_at(scenario, place)
        if word in mapping and mapping.keys() <= schema["properties"].keys()
    ]
    if not found:
        raise MissingExampleError(f"no scenario has an example of {'.'.join(path)}; add one to {WORDS.name}")
    shortest = min(found, key=len)
    return f"{word}: {shortest if len(shortest) <= _LONGEST else shortest[:_LONGEST] + '...'}"


@functools.cache
def plain_scenarios() -> tuple[Any, ...]:
    """Return all scenarios as plain data."""
    texts = [file.read_text(encoding="utf-8") for file in [*(ROOT / "scenarios").glob("*.scenario.yaml"), WORDS]]
    for file in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        if "reference" not in file.relative_to(ROOT).parts:
            texts += _BLOCK.findall(file.read_text(encoding="utf-8"))
    return tuple(document.value for text in texts for document in parse(text.encode(), "example")[0])


def _mappings_at(value: Any, place: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """Yield the mappings at a place in a document; ``[]`` stands for every item of a list, ``*`` for every key."""
    if not place:
        if isinstance(value, dict):
            yield value
        return
    step, *rest = place
    if (step == "[]" and isinstance(value, list)) or (step == "*" and isinstance(value, dict)):
        for item in value if isinstance(value, list) else value.values():
            yield from _mappings_at(item, rest)
    elif isinstance(value, dict) and step in value:
        yield from _mappings_at(value[step], rest)


def _flow(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, sort_keys=False, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...").strip()
