"""One record of a topic.

Without Kafka's client, which sessions without a broker need not load.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KafkaRecord:
    """One record of a topic.

    When a record is written, Kafka chooses the partition by the key if ``partition`` is None, and
    the current time if ``timestamp_ms`` (milliseconds since 1970) is None; ``offset`` is ignored.
    """

    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()
    partition: int | None = None
    offset: int | None = None
    timestamp_ms: int | None = None
