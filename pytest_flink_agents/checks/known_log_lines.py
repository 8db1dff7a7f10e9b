"""ERROR lines that Flink writes where nothing is wrong. Data: a pattern of the line, and why it means nothing."""

from __future__ import annotations

KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"curator\S*\.ConnectionState +\S+ - Authentication failed",
        "Flink's ZooKeeper client tries SASL first, which a ZooKeeper without users does not have",
    ),
    (
        r"\.rest\.handler\.\S+ +\S+ - (Exception occurred in REST handler|Unhandled exception)",
        "the answer to a REST call that Flink refused, of which the caller was told; no part of a job",
    ),
    (
        r"kafka\.common\.utils\.Utils +\S+ - Failed to close release connections",
        "the connector's Kafka client is closed after the class loader of its job",
    ),
)
