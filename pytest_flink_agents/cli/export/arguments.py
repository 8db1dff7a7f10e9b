"""The words of ``flink-agents-gate export``."""

from __future__ import annotations

import argparse
from pathlib import Path

from pytest_flink_agents.cli.stored_commands import add_command

_MAX_RECORDS, _TIMEOUT_S = 100_000, 60.0
_WHEN = "a time with its zone, or PARTITION:OFFSET, once for each partition"


def add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    text = "write a range of a Kafka topic as JSON lines, for the inputs of scenarios"
    command = add_command(commands, "export", _export, text)
    command.add_argument("topic", metavar="TOPIC")
    command.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="such as data/orders.jsonl")
    text = f"where the range begins: {_WHEN}, or earliest for all that is left"
    command.add_argument("--from", dest="first", action="append", required=True, metavar="WHEN", help=text)
    text = f"where it ends, exclusive: {_WHEN} (default: now)"
    command.add_argument("--to", dest="last", action="append", default=[], metavar="WHEN", help=text)
    for flag, metavar in (("--kafka-bootstrap", "HOST:PORT"), ("--kafka-properties", "FILE")):
        command.add_argument(flag, action="append", default=[], metavar=metavar, help="as for pytest")
    text = "what keys are (default: text); none leaves them out"
    command.add_argument("--key-format", choices=["text", "json", "none"], default="text", help=text)
    text = "what values are (default: json)"
    command.add_argument("--value-format", choices=["json", "text"], default="json", help=text)
    text = f"refuse a range of more records (default: {_MAX_RECORDS:,})"
    command.add_argument("--max-records", type=_positive, default=_MAX_RECORDS, metavar="N", help=text)
    text = f"seconds that the broker may take to answer, and that reading may take (default: {_TIMEOUT_S:g})"
    command.add_argument("--timeout", type=_seconds, default=_TIMEOUT_S, metavar="S", help=text)
    command.add_argument("--force", action="store_true", help="replace a file that exists")


def _export(chosen: argparse.Namespace) -> tuple[int, str]:
    from flink_testbed.core import clock
    from pytest_flink_agents.cli.export.bounds import bound_of
    from pytest_flink_agents.cli.export.command import Wanted, export

    try:
        first, last = bound_of(chosen.first), bound_of(chosen.last)
    except ValueError as error:
        chosen.refuse(str(error))
    if last.is_earliest:
        chosen.refuse("earliest is no end: give a time, or PARTITION:OFFSET")
    if last.time_ms is not None:
        if last.time_ms > clock.wall_time_s() * 1000:
            chosen.refuse("--to is in the future: its records are not there yet")
        if first.time_ms is not None and first.time_ms >= last.time_ms:
            chosen.refuse("--to is not after --from")
    wanted = Wanted(
        chosen.topic,
        chosen.output,
        first,
        last,
        chosen.key_format,
        chosen.value_format,
        chosen.max_records,
        chosen.timeout,
        replaces=chosen.force,
    )
    options = [f"--kafka-bootstrap={value}" for value in chosen.kafka_bootstrap]
    return export(wanted, options + [f"--kafka-properties={value}" for value in chosen.kafka_properties])


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number <= 86_400:
        raise ValueError
    return number
