"""ERROR lines that Flink writes where nothing is wrong. Data: a pattern of the line, and why it means nothing."""

from __future__ import annotations

KNOWN: tuple[tuple[str, str], ...] = (
    (
        r"curator\S*\.ConnectionState +\S+ - Authentication failed",
        "Flink's ZooKeeper client tries SASL first, which a ZooKeeper without users does not have",
    ),
    (
        r"\.(rest\.handler|webmonitor\.handlers)\.\S+ +\S+ - (Exception occurred in REST handler|Unhandled exception)",
        "the answer to a REST call that Flink refused, of which the caller was told; no part of a job",
    ),
    (
        r"\.client\.python\.PythonDriver +\S+ - Run python process failed",
        "a program that ended with an error and left no job; whoever submitted it was told",
    ),
    (
        r"\.taskexecutor\.DefaultJobLeaderService +\S+ - Registration at JobManager failed due to an error",
        "a job was cancelled before its TaskManager had registered for it; where it is not, the TaskManager tries again",
    ),
    (
        r"kafka\.common\.utils\.Utils +\S+ - Failed to close release connections",
        "the connector's Kafka client is closed after the class loader of its job",
    ),
)
