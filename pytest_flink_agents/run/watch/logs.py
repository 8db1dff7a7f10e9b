"""Save a cluster's logs during one item, and find errors in them."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.checks.logs import check_logs
from pytest_flink_agents.evidence.model import Evidence, LogError
from pytest_flink_agents.redact import Redactor

# The layout of the clusters that we start, and the usual variations of others.
_ENTRY = re.compile(r"^\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*\s+\[?(?P<level>[A-Z]{4,5})\b")
_ERRORS = frozenset({"ERROR", "FATAL"})
_CRASH = "hs_err"
# What the JobManager writes at INFO when a job begins from a savepoint, and below it for one that allows it.
_FROM_SAVEPOINT = re.compile(r"Starting job (?P<id>[0-9a-f]{32}) from savepoint ")
_DROPPED = re.compile(r"Skipp(?:ing savepoint|ed checkpoint) state for operator (?P<operator>\w+)")
# What a TaskManager writes at INFO before it opens an operator, with the whole name of its logger, as the modes need it.
_RECEIVED = re.compile(r"\borg\.apache\.flink\.runtime\.taskexecutor\.TaskExecutor\b.* - Received task ")
# The loggers that write in one mode of Python only, while a TaskManager opens an operator.
_OF_MODES = {
    "thread": re.compile(r"\borg\.apache\.flink\.python\.env\.embedded\."),
    "process": re.compile(r"\borg\.apache\.flink\.(?:python\.env\.process|streaming\.api\.runners\.python\.beam)\."),
}


class StartedProgram(NamedTuple):
    """The start of a program's jobs as the logs show it; its code may override its options.

    ``dropped`` are the ids of the operators whose state in the savepoint they left out, ``python_mode`` is thread or
    process, both if the jobs mix them, and empty without an operator in Python. None is what no log says.
    """

    dropped: tuple[str, ...] | None = None
    python_mode: str | None = None


_MAX_ERRORS = 100
_DETAIL_LINES = 30
_LINE_CHARACTERS = 500
_SAVED_CHARACTERS = 256 * 1024


class LogWatch:
    """The logs of a cluster from this moment on.

    Other runs may use the cluster at the same time: their lines, and lines that name no job, are
    among them.
    """

    def __init__(self, cluster: FlinkCluster) -> None:
        self._cluster = cluster
        self._sizes = cluster.logs.sizes()

    def collect(self, directory: Path, job_ids: Collection[str] = ()) -> tuple[LogError, ...] | None:
        """Save the end of each log to ``directory``, and return its errors.

        The end is everything written since this watch began. None if the logs are not accessible.

        With the ids of jobs, errors of other jobs are left out.
        """
        try:
            written = self._cluster.logs.since(self._sizes)
        except HostError:
            return None
        if not written and not self._sizes:
            return None
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            if text:
                (directory / name.replace("/", "-")).write_text(text[-_SAVED_CHARACTERS:], encoding="utf-8")
        return errors_in(written, job_ids)

    def started_program(self, job_ids: Collection[str]) -> StartedProgram:
        """Return how these jobs began, as far as the logs can be read."""
        try:
            return started_program(self._cluster.logs.since(self._sizes), job_ids)
        except HostError:
            return StartedProgram()


def wrong_in_logs(evidence: Evidence, allow: Sequence[str], redactor: Redactor) -> list[str]:
    """Return the unexplained errors of a run, one line each.

    Errors that match a pattern of ``allow``, or report the job's own failure, are explained.
    """
    return [redactor.text(finding.message) for finding in check_logs(allow or None, evidence).findings]


def errors_in(logs: Mapping[str, str], job_ids: Collection[str] = ()) -> tuple[LogError, ...]:
    """Return the errors of several logs, at most a hundred.

    ``logs`` maps names to texts. The crash report of a JVM counts as one error.
    """
    found: list[LogError] = []
    for name, text in logs.items():
        if text and name.rpartition("/")[2].startswith(_CRASH):
            found.append(LogError(name, "the JVM has crashed", text[:4000], crash=True))
        elif name.endswith(".log"):
            found += [error for error in _entries(name, text) if not job_ids or error.job_id in ("", *job_ids)]
    return tuple(found[:_MAX_ERRORS])


def started_program(logs: Mapping[str, str], job_ids: Collection[str]) -> StartedProgram:
    """Return how jobs began. Lines that name no job count as theirs.

    That a line is missing says something only in a log that has the lines of a start: others may be at another level,
    cut off, or of another process.
    """
    lines = [line for name, text in logs.items() if name.endswith(".log") for line in text.splitlines()]
    own = [line for line in lines if LogError("", line).job_id in ("", *job_ids)]
    dropped = dict.fromkeys(found["operator"] for line in own if (found := _DROPPED.search(line)))
    modes = [mode for mode, logger in _OF_MODES.items() if any(logger.search(line) for line in own)]
    restored = any(found["id"] in job_ids for line in own if (found := _FROM_SAVEPOINT.search(line)))
    received = any(_RECEIVED.search(line) for line in own)
    return StartedProgram(tuple(dropped) if dropped or restored else None, " and ".join(modes) if received else None)


def _entries(name: str, text: str) -> Iterator[LogError]:
    line, detail = "", list[str]()
    for candidate in [*text.splitlines(), "2000-01-01 00:00:00,000 INFO  end"]:
        entry = _ENTRY.match(candidate)
        if not entry:
            detail.append(candidate[:_LINE_CHARACTERS])
            continue
        if line:
            yield LogError(name, line, "\n".join(detail[:_DETAIL_LINES]))
        line, detail = (candidate[:_LINE_CHARACTERS] if entry["level"] in _ERRORS else ""), []
