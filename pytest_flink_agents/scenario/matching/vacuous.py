"""Expectations that every text or value meets, and that therefore check nothing.

Whether a pattern can fail cannot be decided in general. Trying it on a few very different texts
finds the patterns that people write by mistake or to get past the gate.
Must never import: pydantic, yaml, pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flink_testbed.core.patterns import Pattern, TooSlowError, compile_pattern
from pytest_flink_agents.scenario.matching.conditions import (
    Anything,
    Approx,
    Bounded,
    Each,
    Found,
    Not,
    OneOf,
    StartsWith,
)
from pytest_flink_agents.scenario.matching.custom import CustomMatcherError
from pytest_flink_agents.scenario.matching.data import ContainsItems, ContainsText, ListOf, Scalar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_flink_agents.scenario.matching.matcher import Matcher

_TEXTS = ("", "a", "7", " ", "\n", "-_/#", "\u2603\u00e9", "two words\nand a line", "x" * 70)
_MAPPINGS: tuple[dict[str, Any], ...] = ({}, {"a": 7}, {"status": "x", "n": [1]})
# Null is left out: a choice of everything else checks nothing either. A negation of null is a statement.
_VALUES: tuple[Any, ...] = (
    *_TEXTS,
    *(0, 7, -1.5, 1e12, True, False),
    *([], [7], ["a", "b"], [[], {}]),
    *_MAPPINGS,
)
# Matchers of texts, numbers and lists.
_OF_NO_MAPPING = (Approx, Bounded, ContainsItems, ContainsText, Each, Found, ListOf, Scalar, StartsWith)
_PYTHON_FAILURES = (
    'out of stock\nshop.errors.StockError\nTraceback (most recent call last):\n  File "/srv/shop/till.py", line 12, in '
    "charge\n    raise StockError(item)\nshop.errors.StockError: out of stock\n",
    "'total'\nKeyError\nTraceback (most recent call last):\n  File "
    "\"/home/ada/agents/desk.py\", line 7, in answer\n    raise KeyError(name)\nKeyError: 'total'\n",
    "503 Service Unavailable\nhttpx.HTTPStatusError\nTraceback (most recent call last):\n  File "
    '"/opt/venv/lib/python3.11/site-packages/httpx/_models.py", line 761, in raise_for_status\n    raise '
    "HTTPStatusError(message, request=request, response=self)\nhttpx.HTTPStatusError: 503 Service Unavailable\n",
)
_JAVA_FAILURES = (
    "Could not forward element to next operator\norg.apache.flink.streaming.runtime.tasks.ExceptionInChainedOperator"
    "Exception\n\tat org.apache.flink.streaming.runtime.tasks.CopyingChainingOutput.pushToOperator(CopyingChaining"
    "Output.java:92)\n\tat java.base/java.lang.Thread.run(Thread.java:1583)\n",
    "Recovery is suppressed by NoRestartBackoffTimeStrategy\norg.apache.flink.runtime.JobException\n\tat "
    "org.apache.flink.runtime.executiongraph.failover.ExecutionFailureHandler.handleFailure(ExecutionFailureHandler."
    "java:219)\n\tat java.base/java.lang.Thread.run(Thread.java:1583)\n",
)
_LOG_LINES = (
    "2026-03-04 05:06:07,890 ERROR org.apache.flink.runtime.taskmanager.Task [] - Source: orders (1/1) switched from "
    "RUNNING to FAILED",
    "2027-11-12 23:24:25,678 ERROR shop.payments [0a1b2c3d4e5f60718293a4b5c6d7e8f9] - the card reader is on fire",
    "2025-08-19 10:11:12,131 ERROR org.apache.kafka.clients.producer.internals.Sender [] - Uncaught exception",
)


def always_found(pattern: str) -> bool:
    """Return whether a sound pattern is found in every text."""
    return _in_all(compile_pattern(pattern), _TEXTS)


def in_every_log_line(pattern: str) -> bool:
    """Return whether a sound pattern is found in every ERROR line."""
    return _in_all(compile_pattern(pattern), _LOG_LINES)


def matches_every_failure(matcher: Matcher) -> bool:
    """Return whether a matcher accepts every failure of an agent or a Flink job."""
    return any(_accepts_all(matcher, texts) for texts in (_PYTHON_FAILURES, _JAVA_FAILURES))


def matches_every_value(matcher: Matcher, *, null: bool = False) -> bool:
    """Return whether a matcher accepts values of all kinds, with ``null`` also that one."""
    return _accepts_all(matcher, (*_VALUES, None) if null else _VALUES)


def matches_every_mapping(matcher: Matcher) -> bool:
    """Return whether a matcher accepts mappings of all kinds."""
    return _accepts_all(matcher, _MAPPINGS)


def matches_no_mapping(matcher: Matcher) -> bool:
    """Return whether a matcher is one of texts, numbers or lists, which no mapping is."""
    if isinstance(matcher, Not):
        # Negated are values of the same kind.
        return matches_no_mapping(matcher.inner)
    if isinstance(matcher, OneOf):
        return all(map(matches_no_mapping, matcher.choices))
    return isinstance(matcher, _OF_NO_MAPPING) or (isinstance(matcher, Anything) and matcher.kind != "value")


def _in_all(pattern: Pattern, texts: Iterable[str]) -> bool:
    try:
        return all(pattern.is_found(text) for text in texts)
    except TooSlowError:
        return False


def _accepts_all(matcher: Matcher, values: Iterable[Any]) -> bool:
    try:
        return all(not matcher.match(value) for value in values)
    except (TooSlowError, CustomMatcherError):
        return False
