"""Records of a topic as lines of JSON that a scenario can read, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flink_testbed.core.problem import HostError, Problem
from flink_testbed.kafka.record import KafkaRecord
from pytest_flink_agents.cli.export.bounds import CODE
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.scenario.error import shorten
from pytest_flink_agents.scenario.json_lines import LINE_BYTES, parse_line

_Read = Callable[[bytes], Any]


def _text(data: bytes) -> str:
    return data.decode("utf-8")


def _json(data: bytes) -> Any:
    return parse_line(_text(data))


def _nothing(_: bytes) -> None:
    return None


# What the bytes of a key or a value are, by the words of the command line.
FORMATS: Mapping[str, _Read] = {"text": _text, "json": _json, "none": _nothing}


class Lines:
    """Makes the line of each record of a topic, with its place."""

    def __init__(self, topic: str, key_format: str, value_format: str, redactor: Redactor) -> None:
        self._topic = topic
        self._formats = {"key": key_format, "value": value_format}
        self._redactor = redactor

    def line(self, record: KafkaRecord) -> str:
        """Return a line with its end. A key or value that the record does not have is null.

        Raises ``HostError`` FA459 for a record that has another format, or that no scenario could read.
        """
        fields: dict[str, Any] = {
            "topic": self._topic,
            "partition": record.partition,
            "offset": record.offset,
            "timestamp_ms": record.timestamp_ms,
        }
        for part, data in (("key", record.key), ("value", record.value)):
            fields[part] = None if data is None else self._read(record, part, data)
        line = self._redactor.json(fields) + "\n"
        try:
            parse_line(line)
        except ValueError as error:
            raise self._refused(record, "no scenario can read the record", "a line of JSON", str(error)) from None
        if (size := len(line.encode())) > LINE_BYTES:
            limit = f"at most {LINE_BYTES // 2**20} MiB in a line"
            raise self._refused(record, "the record is too long", limit, f"{size:,} bytes")
        return line

    def _read(self, record: KafkaRecord, part: str, data: bytes) -> Any:
        wanted = self._formats[part]
        try:
            return FORMATS[wanted](data)
        except (ValueError, RecursionError) as error:
            # Records of a schema registry begin with a zero byte.
            is_binary = isinstance(error, UnicodeDecodeError) or data.startswith(b"\0")
            next_step = f"--{part}-format=text takes it as text"
            if is_binary:
                next_step = "--key-format=none leaves keys out" if part == "key" else "decode the records by a program"
            reason = " ".join(str(error).split()) or "nested too deep"
            message = f"the {part} of the record is not {'JSON' if wanted == 'json' else 'UTF-8 text'}"
            raise self._refused(record, message, wanted, reason, next_step) from None

    def _refused(self, record: KafkaRecord, message: str, expected: str, seen: str, next_step: str = "") -> HostError:
        where = f"topic {self._topic}, partition {record.partition}, offset {record.offset}"
        return HostError(Problem(CODE, message, where, expected, shorten(seen), next_step))
