"""The check of outputs against the expected ones and their order."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

from pytest_flink_agents.checks.finding import CheckResult, Finding, Validity
from pytest_flink_agents.checks.pairing import keeps_order, largest_pairing
from pytest_flink_agents.evidence.model import Evidence, Output

NAME = "outputs"
_SHOWN_CHARACTERS = 200
_PATH: tuple[str | int, ...] = ("expect", "outputs")
# Findings that no further output can repair, and findings that only miss an output.
_Found: TypeAlias = tuple[list[Finding], list[Finding]]


class Deviation(Protocol):
    """One place at which a value differs from its expectation."""

    @property
    def at(self) -> Sequence[str | int]:
        """The place inside the value."""

    @property
    def place(self) -> str:
        """The place as text."""

    @property
    def expected_text(self) -> str:
        """The expectation at this place, in words."""

    @property
    def seen(self) -> Any:
        """The value at this place."""


class Matches(Protocol):
    """A compiled expectation; no deviations mean that a value is as expected."""

    def match(self, seen: Any) -> Sequence[Deviation]:
        """Return the deviations of a value."""


@dataclass(frozen=True, slots=True)
class ExpectedOutput:
    """One entry of ``expect.outputs``.

    With the matcher of its value, and the value as written. ``key`` is a plain key, compared with
    its type; ``key_matcher`` replaces it if it is given.
    """

    index: int
    matcher: Matches
    shown: Any
    key: Any = None
    key_matcher: Matches | None = None

    def fits_key(self, output: Output) -> bool:
        """Return whether an output has the expected key.

        1, true and "1" are different keys.
        """
        if self.key_matcher:
            return not self.key_matcher.match(output.key)
        return identity(self.key) == identity(output.key)

    def fits_value(self, output: Output) -> bool:
        """Return whether an output has the expected value."""
        return not self.matcher.match(output.value)

    def fits(self, output: Output) -> bool:
        """Return whether an output has the expected key and value."""
        return self.fits_key(output) and self.fits_value(output)


def identity(key: Any) -> str:
    """Return a text that differs for keys of different types."""
    return _text_identity(key) if type(key) is str else json.dumps(key, sort_keys=True, ensure_ascii=False)


# Events and outputs repeat the same few keys, and 100,000 of them are compared.
@functools.lru_cache(maxsize=4096)
def _text_identity(key: str) -> str:
    return json.dumps(key, ensure_ascii=False)


def check_outputs(expected: Sequence[ExpectedOutput], order: str, evidence: Evidence) -> CheckResult:
    """Compare outputs with the expected ones in an order.

    ``strict`` is one sequence, ``per_key`` one sequence a key, ``any`` a multiset. An unexpected
    output is *invalid* even in a run that was stopped; missing outputs of such a run are *unknown*.
    """
    seen = list(evidence.outputs)
    if order == "any":
        wrong, missing = _compare_as_multiset(expected, seen)
    elif order == "strict":
        wrong, missing = _compare_in_sequence(expected, seen)
    elif any(item.key_matcher for item in expected):
        wrong, missing = _compare_with_open_keys(expected, seen)
    else:
        wrong, missing = _compare_per_key(expected, seen)
    validity = Validity.VALID
    if wrong or (missing and evidence.complete):
        validity = Validity.INVALID
    elif missing:
        validity = Validity.UNKNOWN
    return CheckResult(NAME, validity, (*wrong, *missing))


def _compare_per_key(expected: Sequence[ExpectedOutput], seen: Sequence[Output]) -> _Found:
    wanted: dict[str, list[ExpectedOutput]] = {}
    came: dict[str, list[Output]] = {}
    for item in expected:
        wanted.setdefault(identity(item.key), []).append(item)
    for output in seen:
        came.setdefault(identity(output.key), []).append(output)
    wrong: list[Finding] = []
    missing: list[Finding] = []
    for key in dict.fromkeys([*wanted, *came]):
        found = _compare_in_sequence(wanted.get(key, []), came.get(key, []))
        wrong += found[0]
        missing += found[1]
    return wrong, missing


def _compare_with_open_keys(expected: Sequence[ExpectedOutput], seen: Sequence[Output]) -> _Found:
    """Compare per key if an expectation has no fixed key.

    The sequence of each key is not known beforehand then.
    """
    wrong, missing = _compare_as_multiset(expected, seen)
    queues: dict[str, list[int]] = {}
    for number, output in enumerate(seen):
        queues.setdefault(identity(output.key), []).append(number)
    # Missing outputs fail the check anyway, and which sequence they are missing from cannot be
    # known.
    if wrong or missing or keeps_order(len(expected), list(queues.values()), _fits(expected, seen)):
        return wrong, missing
    return [_out_of_order(expected, seen)], []


def _compare_in_sequence(expected: Sequence[ExpectedOutput], seen: Sequence[Output]) -> _Found:
    if len(seen) <= len(expected) and all(item.fits(output) for item, output in zip(expected, seen, strict=False)):
        return [], [_missing(item, seen) for item in expected[len(seen) :]]
    pairs = largest_pairing(len(expected), len(seen), _fits(expected, seen))
    wrong, missing = _explain(expected, seen, pairs)
    if wrong:
        return wrong, missing
    numbers = [number for _, number in sorted(pairs.items())]
    if numbers != sorted(numbers):
        return [_out_of_order(expected, seen)], missing
    # Only gaps are left: an output that later ones of its sequence overtook will not come, even in
    # a stopped run.
    return missing, []


def _compare_as_multiset(expected: Sequence[ExpectedOutput], seen: Sequence[Output]) -> _Found:
    return _explain(expected, seen, largest_pairing(len(expected), len(seen), _fits(expected, seen)))


def _fits(expected: Sequence[ExpectedOutput], seen: Sequence[Output]) -> Callable[[int, int], bool]:
    """Return a function that compares an expectation with an output by number.

    Each pair is compared at most once.
    """
    return functools.cache(lambda index, number: expected[index].fits(seen[number]))


def _explain(expected: Sequence[ExpectedOutput], seen: Sequence[Output], pairs: Mapping[int, int]) -> _Found:
    """Explain unpaired expectations and outputs.

    First by the same key, then by the same value.
    """
    taken = set(pairs.values())
    waiting = [item for index, item in enumerate(expected) if index not in pairs]
    lone = [output for number, output in enumerate(seen) if number not in taken]
    wrong: list[Finding] = []
    for related in (ExpectedOutput.fits_key, ExpectedOutput.fits_value):
        still_waiting: list[ExpectedOutput] = []
        for item in waiting:
            candidates = [number for number, output in enumerate(lone) if related(item, output)]
            if candidates:
                nearest = min(candidates, key=lambda number: len(item.matcher.match(lone[number].value)))
                wrong.append(_deviation(item, lone.pop(nearest)))
            else:
                still_waiting.append(item)
        waiting = still_waiting
    wrong += [_unexpected(output) for output in lone]
    return wrong, [_missing(item, seen) for item in waiting]


def _deviation(item: ExpectedOutput, output: Output) -> Finding:
    if not item.fits_key(output):
        return Finding(
            f"output {item.index + 1} came with another key",
            (*_PATH, item.index),
            {"key": item.key, "value": item.shown},
            {"key": output.key, "value": output.value},
            key=output.key if item.key_matcher else item.key,
        )
    places = "; ".join(
        f"at {deviation.place}: expected {deviation.expected_text}, seen {_short(deviation.seen)}"
        for deviation in item.matcher.match(output.value)[:5]
    )
    return Finding(
        f"output {item.index + 1} is not as expected: {places}",
        (*_PATH, item.index),
        item.shown,
        output.value,
        key=output.key,
    )


def _out_of_order(expected: Sequence[ExpectedOutput], seen: Sequence[Output]) -> Finding:
    pairs = list(zip(expected, seen, strict=False))
    item, output = next(((item, output) for item, output in pairs if not item.fits(output)), pairs[0])
    return Finding(
        f"the outputs came in another order; the first difference is output {item.index + 1}",
        (*_PATH, item.index),
        [item.shown for item in expected],
        [output.value for output in seen],
        key=output.key,
    )


def _missing(item: ExpectedOutput, seen: Sequence[Output]) -> Finding:
    of_key = [output.value for output in seen if item.fits_key(output)]
    nearest = min(of_key, key=lambda value: len(item.matcher.match(value)), default=None)
    hint = f"; the nearest that came: {_short(nearest)}" if of_key else "; no output of its key came"
    return Finding(
        f"output {item.index + 1} never came{hint}",
        (*_PATH, item.index),
        item.shown,
        "nothing",
        key=None if item.key_matcher else item.key,
        missing=True,
    )


def _unexpected(output: Output) -> Finding:
    return Finding(
        f"an unexpected output with key {identity(output.key)}",
        _PATH,
        "no other output",
        output.value,
        key=output.key,
    )


def _short(value: Any) -> str:
    """Return a value as text, whole or not at all.

    The redactor would not find a part of a secret.
    """
    is_json = value is None or isinstance(value, (str, int, float, list, tuple, dict))
    text = json.dumps(value, ensure_ascii=False, default=str) if is_json else str(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"a value of {len(text)} characters"
