"""Write spans to a file of OTLP JSON, or send them to a collector."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.json_format import MessageToDict
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from flink_testbed.core import clock
from pytest_flink_agents.report.otel.spans import session_spans
from pytest_flink_agents.report.otel.stored import read_session

_BATCH = 2_000
_TRACES = "/v1/traces"
_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def export_session(folder: Path, destination: str, *, timeout_s: float) -> str:
    """Export the session of a run folder to a file, or to the URL of a collector.

    Returns a line that says why it was not exported, empty if it was. It takes at most about ``timeout_s`` seconds.
    """
    try:
        spans = session_spans(read_session(folder))
        if is_url(destination):
            return _send(spans, destination, timeout_s)
        _write(spans, Path(destination))
    except OSError as error:
        return f"{destination}: {error.strerror or error}"
    return ""


def is_url(destination: str) -> bool:
    """Return whether the destination is a collector, and not a file."""
    return destination.startswith(("http://", "https://"))


def _batches(spans: Sequence[ReadableSpan]) -> Iterator[Sequence[ReadableSpan]]:
    for first in range(0, len(spans), _BATCH):
        yield spans[first : first + _BATCH]


def _write(spans: Sequence[ReadableSpan], path: Path) -> None:
    """Write one line of OTLP JSON for each batch, as the specification of the file exporter has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for batch in _batches(spans):
            file.write(json.dumps(otlp_json(batch), ensure_ascii=False) + "\n")


def otlp_json(spans: Sequence[ReadableSpan]) -> dict[str, Any]:
    """Return spans in OTLP's JSON encoding: protobuf's, with numbers for enumerations and hexadecimal ids."""
    data: dict[str, Any] = MessageToDict(encode_spans(spans), use_integers_for_enums=True)
    _with_hexadecimal_ids(data)
    return data


def _with_hexadecimal_ids(value: Any) -> None:
    if isinstance(value, list):
        for item in value:
            _with_hexadecimal_ids(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            if name in _IDS:
                value[name] = base64.b64decode(item).hex()
            else:
                _with_hexadecimal_ids(item)


def _send(spans: Sequence[ReadableSpan], url: str, timeout_s: float) -> str:
    """Send the spans by OTLP over HTTP; headers and certificates are those of OTEL_EXPORTER_OTLP_* variables."""
    endpoint = url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}{_TRACES}"
    deadline = clock.now_s() + timeout_s
    heard = _Heard()
    logger = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    logger.addHandler(heard)
    try:
        for batch in _batches(spans):
            left = deadline - clock.now_s()
            if left <= 0:
                return f"{endpoint}: not all spans were taken within {timeout_s:g} s"
            exporter = OTLPSpanExporter(endpoint=endpoint, timeout=left)
            try:
                result = exporter.export(batch)
            finally:
                exporter.shutdown()  # type: ignore[no-untyped-call]  # theirs has no types
            if result is not SpanExportResult.SUCCESS:
                return f"{endpoint}: {heard.last or 'the collector took no spans'}"
    finally:
        logger.removeHandler(heard)
    return ""


class _Heard(logging.Handler):
    """Remembers the last message of the exporter, which only logs its errors."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record.getMessage().partition("\n")[0]
