"""The two ends of a range of a topic, as words of the command line, and the offsets that they stand for.

A range that is not known to be whole is refused: a shorter input would make a comparison of something else.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from flink_testbed.core.problem import HostError, Problem

EARLIEST = "earliest"
CODE = "FA459"
_OFFSET = re.compile(r"(\d{1,9}):(\d{1,19})")
_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range: the offsets of partitions, and the place of the others.

    ``time_ms`` is in milliseconds since 1970 and stands for the first record of a partition with that time or a later one.
    """

    offsets: Mapping[int, int] = field(default_factory=dict)
    time_ms: int | None = None
    is_earliest: bool = False


@dataclass(frozen=True, slots=True)
class Offsets:
    """The offsets of a topic by partition.

    ``begins`` are those of the first records that are left. Before ``committed`` no transaction is open, and before ``ends``
    all records were written. ``first`` and ``last`` are those of the times of a range.
    """

    begins: Mapping[int, int]
    committed: Mapping[int, int]
    ends: Mapping[int, int]
    first: Mapping[int, int] = field(default_factory=dict)
    last: Mapping[int, int] = field(default_factory=dict)


def bound_of(words: Iterable[str]) -> Bound:
    """Return the end of a range of its words: times, ``PARTITION:OFFSET`` and ``earliest``.

    Raises ``ValueError`` with a reason.
    """
    offsets: dict[int, int] = {}
    others: list[str] = []
    for word in words:
        if found := _OFFSET.fullmatch(word):
            partition, offset = map(int, found.groups())
            if partition in offsets:
                raise ValueError(f"partition {partition} has two offsets")
            offsets[partition] = offset
        else:
            others.append(word)
    if len(others) > 1:
        raise ValueError(f"{others[0]} and {others[1]}: give one time")
    if others in ([], [EARLIEST]):
        return Bound(offsets, is_earliest=bool(others))
    return Bound(offsets, _milliseconds(others[0]))


def _milliseconds(word: str) -> int:
    try:
        # Python 3.10 does not know the Z.
        moment = datetime.datetime.fromisoformat(re.sub("Z$", "+00:00", word))
    except ValueError:
        raise ValueError(f"{word} is neither a time such as 2026-11-30T08:00:00Z nor PARTITION:OFFSET") from None
    if moment.tzinfo is None:
        raise ValueError(f"the time {word} has no zone: add Z for UTC, or one such as +01:00")
    return (moment - _EPOCH) // datetime.timedelta(milliseconds=1)


def as_time(time_ms: int) -> str:
    """Return milliseconds since 1970 as a time in UTC, as the command line takes it."""
    try:
        moment = _EPOCH + datetime.timedelta(milliseconds=time_ms)
    except OverflowError:
        return f"{time_ms} ms after 1970"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def range_of(topic: str, first: Bound, last: Bound, offsets: Offsets) -> tuple[dict[int, int], dict[int, int]]:
    """Return the first offset of each partition, and the one behind its last.

    Raises ``HostError`` FA459 with all reasons why records of the range are missing.
    """
    problems = [
        _problem(topic, f"the topic has no partition {partition}", f"one of {_listed(offsets.ends)}", str(partition))
        for partition in sorted({*first.offsets, *last.offsets} - {*offsets.ends})
    ]
    begins: dict[int, int] = {}
    ends: dict[int, int] = {}
    for partition in sorted(offsets.ends):
        end = last.offsets.get(partition, offsets.last.get(partition, offsets.committed[partition]))
        begin = first.offsets.get(partition, offsets.first.get(partition, offsets.begins[partition]))
        if partition not in first.offsets:
            # The first record of that time may come after the last one of the range.
            begin = min(begin, end)
        problems += _problems(topic, partition, (begin, end), first, offsets)
        begins[partition], ends[partition] = begin, end
    if not problems and begins == ends:
        seen = "; ".join(f"partition {partition} from offset {begin} to {begin}" for partition, begin in begins.items())
        problems.append(_problem(topic, "the range is empty", "an offset or more in a partition", seen))
    if problems:
        raise HostError(*problems)
    return begins, ends


def _problems(topic: str, partition: int, ends: tuple[int, int], first: Bound, offsets: Offsets) -> Iterator[Problem]:
    """Yield the reasons why a partition does not have all records of the range."""
    begin, end = ends
    there = f"partition {partition} has offsets {offsets.begins[partition]} to {offsets.ends[partition]}"
    is_named = partition in first.offsets
    if not (is_named or first.is_earliest or first.time_ms is not None):
        next_step = f"add --from {partition}:OFFSET, or a time for all partitions"
        yield _problem(topic, f"partition {partition} has no beginning", "one for each partition", there, next_step)
        return
    if begin > end:
        yield _problem(topic, f"partition {partition} ends before it begins", f"offset {begin} or later", str(end))
    elif begin < offsets.begins[partition]:
        gone = f"the records of partition {partition} from offset {begin} on are gone"
        yield _problem(topic, gone, "records that retention has left", there)
    elif first.time_ms is not None and not is_named and begin == offsets.begins[partition] > 0:
        message = f"records of partition {partition} may be gone"
        expected = f"all records from {as_time(first.time_ms)} on"
        seen = f"{there}; those before were deleted, and may have been of that time"
        next_step = f"begin later, or leave them out on purpose: --from {partition}:{begin}"
        yield _problem(topic, message, expected, seen, next_step)
    if end > offsets.ends[partition]:
        yield _problem(topic, f"partition {partition} ends earlier", f"records up to offset {end}", there)
    elif end > offsets.committed[partition]:
        message = f"partition {partition} has an open transaction"
        expected = f"no open transaction before offset {end}"
        seen = f"one from offset {offsets.committed[partition]} on"
        yield _problem(topic, message, expected, seen, "wait until it has ended, or leave out --to")


def _listed(partitions: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(partitions)))


def _problem(topic: str, message: str, expected: str, seen: str, next_step: str = "") -> Problem:
    return Problem(CODE, message, f"topic {topic}", expected, seen, next_step)
