"""Inputs that wait for an output of their key: their matchers, and what is wrong with them.

Must never import: yaml, pytest, anything that starts something.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pytest_flink_agents.scenario.error import DocumentPath, Mistake, describe
from pytest_flink_agents.scenario.matching.custom import CustomMatchers
from pytest_flink_agents.scenario.matching.matcher import Matcher
from pytest_flink_agents.scenario.matching.matchers import MatcherError, compile_matcher


def matcher_place(index: int) -> DocumentPath:
    """Return the place of the matcher that releases an entry of ``inputs``."""
    return ("inputs", index, "after", "output")


def held_matchers(inputs: Any, added: CustomMatchers) -> tuple[Mapping[DocumentPath, Matcher], list[Mistake]]:
    """Return the matchers of all held inputs by place, and the mistakes.

    ``added`` are the matcher words of plugins.
    ``{any_value: true}`` is no mistake here: waiting for any output is a condition that can fail.
    """
    found: dict[DocumentPath, Matcher] = {}
    mistakes: list[Mistake] = []
    keys: set[str] = set()
    all_known = True
    for index, one in enumerate(inputs if isinstance(inputs, list) else ()):
        if not isinstance(one, dict) or "key" not in one or "value" not in one or one.keys() & {"from", "package"}:
            # Keys of files are known when they are read: a run names an input that was never sent.
            all_known = False
            continue
        key = json.dumps(one["key"], sort_keys=True, default=str)
        after = one.get("after")
        if isinstance(after, dict) and "output" in after:
            place = matcher_place(index)
            try:
                found[place] = compile_matcher(after["output"], place, added)
            except MatcherError as error:
                mistakes += error.mistakes
            if all_known and key not in keys:
                message = "an input that waits for an output of its key, which has no input before it"
                next_step = "give the key an input without `after` first"
                expected = f"an input with key {describe(one['key'])} before this one"
                mistakes.append(Mistake("FA209", place[:-1], message, expected, "none", next_step))
        keys.add(key)
    return found, mistakes
