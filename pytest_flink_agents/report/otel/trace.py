"""A trace under construction: spans of one session with ids and times of their own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pytest_flink_agents.version import __version__

_NAME = "pytest-flink-agents"
# Fractions of a second: datetime reads at most six digits, and Java writes nine.
_TIME = re.compile(r"(?P<second>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(?P<fraction>\d{1,9}))?(?P<zone>Z|[+-]\d\d:?\d\d)?")


class Trace:
    """The spans of one session.

    Ids are digests of the session's name and the number of the span: a second export of the same run is the same trace.
    """

    def __init__(self, name: str) -> None:
        self.spans: list[ReadableSpan] = []
        self._name = name
        self._trace_id = int.from_bytes(hashlib.sha256(name.encode()).digest()[:16], "big")
        self._scope = InstrumentationScope(_NAME, __version__)
        # Also reads OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME.
        self._resource = Resource.create({"service.name": _NAME, "service.version": __version__})

    def add(
        self,
        name: str,
        parent: SpanContext | None,
        began_ns: int,
        ended_ns: int,
        attributes: Mapping[str, Any],
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        error: str | None = None,
    ) -> SpanContext:
        """Add a span and return its context; times are nanoseconds since 1970.

        Attributes without a value are left out. ``error`` marks the span as failed and describes how.
        """
        number = f"{self._name}\0{len(self.spans)}"
        span_id = int.from_bytes(hashlib.sha256(number.encode()).digest()[:8], "big")
        context = SpanContext(self._trace_id, span_id, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))
        self.spans.append(
            ReadableSpan(
                name=name,
                context=context,
                parent=parent,
                resource=self._resource,
                attributes={key: value for key, value in attributes.items() if value not in (None, "", ())},
                kind=kind,
                status=Status(StatusCode.UNSET) if error is None else Status(StatusCode.ERROR, error or None),
                start_time=began_ns,
                end_time=max(began_ns, ended_ns),
                instrumentation_scope=self._scope,
            )
        )
        return context


def nanoseconds(time: Any) -> int | None:
    """Return a time in nanoseconds since 1970: text in ISO 8601, or a number of seconds; None for anything else.

    A time without a zone is in UTC.
    """
    if isinstance(time, (int, float)) and not isinstance(time, bool):
        return round(time * 1_000_000_000)
    found = _TIME.fullmatch(time) if isinstance(time, str) else None
    if found is None:
        return None
    zone = found["zone"]
    second = datetime.fromisoformat(found["second"] + ("+00:00" if zone in (None, "Z") else zone))
    fraction = int((found["fraction"] or "0").ljust(9, "0"))
    return round(second.astimezone(timezone.utc).timestamp()) * 1_000_000_000 + fraction
