"""The matchers below ``expect`` and their places, other than those of outputs.

Must never import: yaml, pytest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe
from pytest_flink_agents.scenario.expectation.effects import PARTS
from pytest_flink_agents.scenario.matching.custom import NO_MATCHERS, CustomMatchers
from pytest_flink_agents.scenario.matching.matcher import Matcher
from pytest_flink_agents.scenario.matching.matchers import MatcherError, compile_matcher, compile_part
from pytest_flink_agents.scenario.matching.vacuous import (
    matches_every_mapping,
    matches_every_value,
    matches_no_mapping,
)

# The words whose value is matched in part: only what is named counts.
_OF_A_STEP = ("args", "attributes")
# What they are compared with is always a mapping.
_MAPPINGS = (*_OF_A_STEP, "query")
_OF_OUTPUTS: DocumentPath = ("expect", "outputs", "each")
# Matched as a whole, like the values of listed outputs.
_WHOLE = (("expect", "outputs"), ("expect", "memory"))


def matchers_of(
    expect: Any, added: CustomMatchers = NO_MATCHERS
) -> tuple[Mapping[DocumentPath, Matcher], list[Mistake]]:
    """Return the matchers of the plain value of ``expect`` by place, and the mistakes in them.

    ``added`` are the matcher words of plugins.
    """
    found: dict[DocumentPath, Matcher] = {}
    mistakes: list[Mistake] = []
    if not isinstance(expect, dict):
        return found, mistakes
    for path, value in _places(expect):
        try:
            compiled = compile_matcher if path[:2] in _WHOLE else compile_part
            matcher = compiled(value, path, added)
        except MatcherError as error:
            mistakes += error.mistakes
            continue
        is_mapping = path[-1] in _MAPPINGS and path[:2] != ("expect", "memory")
        if is_mapping and matches_no_mapping(matcher):
            mistakes.append(_never_a_mapping(path, value))
        elif matches_every_mapping(matcher) if is_mapping else matches_every_value(matcher, null=True):
            message = f"a matcher that cannot fail: {path[-1]}"
            next_step = f"remove {path[-1]}, or state a value that a wrong run does not have"
            mistakes.append(Mistake("FA209", path, message, "something that can differ", describe(value), next_step))
        found[path] = matcher
    return found, mistakes


def _never_a_mapping(path: DocumentPath, value: Any) -> Mistake:
    """Return the mistake of a matcher of another kind, such as ``{regex: a}`` for an argument called regex."""
    next_step = ""
    if isinstance(value, dict):
        word = next(iter(value))
        next_step = f"if {word} is a name in {path[-1]}, write {{contains: {{{word}: ...}}}}"
    message = f"a matcher that can never match: {path[-1]}"
    return Mistake("FA209", path, message, "a mapping of names and their values", describe(value), next_step)


def _places(expect: Mapping[str, Any]) -> Iterator[tuple[DocumentPath, Any]]:
    yield from _of_trajectories(expect.get("trajectory"), ("expect", "trajectory"))
    outputs = expect.get("outputs")
    if isinstance(outputs, dict) and "each" in outputs:
        yield _OF_OUTPUTS, outputs["each"]
    memory = expect.get("memory")
    for key, values in memory.items() if isinstance(memory, dict) else ():
        for at, value in values.items() if isinstance(values, dict) else ():
            yield ("expect", "memory", key, at), value
    effects = expect.get("effects")
    for name, calls in effects.items() if isinstance(effects, dict) else ():
        each = calls.get("each") if isinstance(calls, dict) else None
        for word in PARTS:
            if isinstance(each, dict) and word in each:
                yield ("expect", "effects", name, "each", word), each[word]


def _of_trajectories(value: Any, path: DocumentPath) -> Iterator[tuple[DocumentPath, Any]]:
    """Yield the arguments and attributes of all steps."""
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from _of_trajectories(one, (*path, index))
    elif isinstance(value, dict):
        for word in ("events", "never", "parallel"):
            yield from _of_trajectories(value.get(word), (*path, word))
        for word in _OF_A_STEP:
            if word in value:
                yield (*path, word), value[word]
