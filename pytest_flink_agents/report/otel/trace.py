"""A trace under construction: spans of one session with ids and times of their own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from pytest_flink_agents.version import __version__

_NAME = "pytest-flink-agents"


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
