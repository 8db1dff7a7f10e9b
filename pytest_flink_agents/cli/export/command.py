"""Read a range of a topic and write it to a file, all of it or nothing."""

from __future__ import annotations

import heapq
import os
import secrets
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.remote import RemoteKafka
from pytest_flink_agents.cli.export.bounds import CODE, Bound, Offsets, as_time, range_of
from pytest_flink_agents.cli.export.lines import Lines
from pytest_flink_agents.cli.lint.project import settings_in
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.scenario.json_lines import DATA_BYTES
from pytest_flink_agents.vocabulary import counted

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Wanted:
    """The arguments of an export: the range, the formats of its records, and the limits.

    ``timeout_s`` is the time for the broker to answer, and the time for reading.
    """

    topic: str
    output: Path
    first: Bound
    last: Bound
    key_format: str
    value_format: str
    max_records: int
    timeout_s: float
    replaces: bool


@dataclass(slots=True)
class _Partition:
    """The range of one partition, and what was read of it."""

    begin: int
    end: int
    # The time and the line of each record.
    lines: list[tuple[int, str]] = field(default_factory=list)
    without_key: int = 0
    without_value: int = 0


def export(wanted: Wanted, options: Sequence[str]) -> tuple[int, str]:
    """Write the file; return the exit code and the offsets that it has.

    ``options`` are pytest's. Raises ``HostError`` if the file would lack a record of the range.
    """
    if wanted.output.exists() and not wanted.replaces:
        return 2, f"{wanted.output} exists and was left as it is: --force replaces it"
    settings = settings_in([Path()], options)
    if not settings.kafka_bootstrap:
        raise HostError(Problem("FA421", "no Kafka is named", next_step="add --kafka-bootstrap=HOST:PORT"))
    redactor = Redactor(os.environ, settings.allowed_env, settings.plain_env)
    security = settings.kafka_security
    redactor.learn(security.secrets if security else ())
    run_id = f"export-{secrets.token_hex(4)}"
    kafka = RemoteKafka(settings.kafka_bootstrap, run_id=run_id, startup_timeout_s=wanted.timeout_s, security=security)
    kafka.start()
    partitions = _read(kafka, wanted, Lines(wanted.topic, wanted.key_format, wanted.value_format, redactor))
    try:
        _write(wanted.output, partitions.values())
    except OSError as error:
        return 2, f"{wanted.output} cannot be written: {error.strerror}"
    return 0, redactor.text("\n".join(_summary(wanted, settings.kafka_bootstrap, partitions)))


def _read(kafka: RemoteKafka, wanted: Wanted, lines: Lines) -> dict[int, _Partition]:
    begins, ends = range_of(wanted.topic, wanted.first, wanted.last, _offsets(kafka, wanted))
    partitions = {number: _Partition(begin, ends[number]) for number, begin in begins.items()}
    offsets = counted(sum(ends.values()) - sum(begins.values()), "offset")
    _progress(f"reading {offsets} of topic {wanted.topic} at {kafka.bootstrap}")
    records, size = 0, 0
    with closing(kafka.records(wanted.topic, begins, ends, timeout_s=wanted.timeout_s)) as found:
        for record in found:
            records += 1
            if records > wanted.max_records:
                expected = f"at most {counted(wanted.max_records, 'record')}"
                raise _too_much(wanted, expected, "take a smaller range, or raise --max-records")
            line = lines.line(record)
            size += len(line.encode())
            if size > DATA_BYTES:
                raise _too_much(wanted, f"at most {DATA_BYTES // _MIB} MiB of lines", "take a smaller range")
            partition = partitions[record.partition or 0]
            partition.lines.append((record.timestamp_ms or 0, line))
            partition.without_key += record.key is None
            partition.without_value += record.value is None
    if not records:
        seen = f"{offsets} without one: aborted, compacted, or ends of transactions"
        raise HostError(Problem(CODE, "the range has no record", f"topic {wanted.topic}", "a committed record", seen))
    return partitions


def _offsets(kafka: RemoteKafka, wanted: Wanted) -> Offsets:
    topic, first, last = wanted.topic, wanted.first.time_ms, wanted.last.time_ms
    begins = kafka.begin_offsets(topic)
    at_first = {} if first is None else kafka.offsets_at(topic, first)
    at_last = {} if last is None else kafka.offsets_at(topic, last)
    # The committed end comes first: of a transaction that ends meanwhile, nothing is missing.
    committed = kafka.end_offsets(topic)
    return Offsets(begins, committed, kafka.end_offsets(topic, isolation="read_uncommitted"), at_first, at_last)


def _too_much(wanted: Wanted, expected: str, next_step: str) -> HostError:
    where = f"topic {wanted.topic}"
    return HostError(Problem(CODE, "the range has too many records", where, expected, "more", next_step))


def _write(path: Path, partitions: Iterable[_Partition]) -> None:
    """Write the lines in the order of their times, those of a partition in that of their offsets.

    An existing file stays until the new one is complete.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("x", encoding="utf-8", newline="") as file:
            merged = heapq.merge(*(each.lines for each in partitions), key=itemgetter(0))
            file.writelines(line for _, line in merged)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _summary(wanted: Wanted, bootstrap: str, partitions: Mapping[int, _Partition]) -> Iterator[str]:
    times = [time_ms for each in partitions.values() for time_ms, _ in each.lines]
    span = f"{as_time(min(times))} to {as_time(max(times))}"
    yield f"wrote {wanted.output}: {counted(len(times), 'record')} of topic {wanted.topic}, {span}"
    for number, each in partitions.items():
        yield f"  partition {number}: {_contents(each)}"
    again = ["flink-agents-gate", "export", wanted.topic, f"--kafka-bootstrap={bootstrap}"]
    again += [f"--from={number}:{each.begin}" for number, each in partitions.items()]
    again += [f"--to={number}:{each.end}" for number, each in partitions.items()]
    yield f"the same range again: {shlex.join(again)}"


def _contents(partition: _Partition) -> str:
    if partition.begin == partition.end:
        return f"nothing, from offset {partition.begin} on"
    records = len(partition.lines)
    others = partition.end - partition.begin - records
    parts = [f"offsets {partition.begin} to {partition.end - 1}, {counted(records, 'record')}"]
    if others:
        parts.append(f"{counted(others, 'offset')} without one (aborted, compacted, or ends of transactions)")
    if partition.without_key:
        parts.append(f"{partition.without_key:,} without a key")
    if partition.without_value:
        parts.append(f"{partition.without_value:,} without a value")
    return ", ".join(parts)


def _progress(line: str) -> None:
    sys.stderr.write(line + "\n")
