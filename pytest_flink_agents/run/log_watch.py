"""What a cluster writes to its logs while one item runs: kept with the item, and searched for errors."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flink_testbed.core.problem import HostError
from flink_testbed.flink.cluster import FlinkCluster
from pytest_flink_agents.checks.logs import check_logs
from pytest_flink_agents.evidence.model import Evidence, LogError
from pytest_flink_agents.redact import Redactor

# Log4j as we configure it, and with the usual variations of other people's layouts.
_ENTRY = re.compile(r"^\[?\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*\s+\[?(?P<level>[A-Z]{4,5})\b")
_ERRORS = frozenset({"ERROR", "FATAL"})
_CRASH = "hs_err"
_MOST_ERRORS = 100
_DETAIL_LINES = 30
_LINE_CHARACTERS = 500
_KEPT_CHARACTERS = 256 * 1024


class LogWatch:
    """From its making on. The cluster may be others' too: what they make it log, and what names no job, is among it."""

    def __init__(self, cluster: FlinkCluster) -> None:
        self._cluster = cluster
        self._sizes = cluster.log_sizes()

    def collect(self, directory: Path, job_id: str = "") -> tuple[LogError, ...] | None:
        """Keep what was written since, the end of each log, below ``directory``; the errors in it, None without logs.

        With a job's id, errors that are marked as another job's are left out.
        """
        try:
            written = self._cluster.logs_since(self._sizes)
        except HostError:
            return None
        if not written and not self._sizes:
            return None
        directory.mkdir(parents=True, exist_ok=True)
        for name, text in written.items():
            if text:
                (directory / name.replace("/", "-")).write_text(text[-_KEPT_CHARACTERS:], encoding="utf-8")
        return errors_in(written, job_id)


def wrong_in_logs(evidence: Evidence, allow: Sequence[str], redactor: Redactor) -> list[str]:
    """The errors that neither ``allow`` (patterns) nor the job's own failure explains, each on a line, as a scenario's are told."""
    return [redactor.text(finding.message) for finding in check_logs(allow or None, evidence).findings]


def errors_in(logs: Mapping[str, str], job_id: str = "") -> tuple[LogError, ...]:
    """The errors of several logs, name -> text, other jobs' left out; a JVM's crash report counts as one. A hundred at most."""
    found: list[LogError] = []
    for name, text in logs.items():
        if text and name.rpartition("/")[2].startswith(_CRASH):
            found.append(LogError(name, "the JVM has crashed", text[:4000], crash=True))
        elif name.endswith(".log"):
            found += [error for error in _entries(name, text) if not job_id or error.job_id in ("", job_id)]
    return tuple(found[:_MOST_ERRORS])


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
