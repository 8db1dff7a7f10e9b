"""``flink-agents-gate sweep``: list and remove leftovers, one per line."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import psutil

from flink_testbed.core.problem import HostError
from flink_testbed.ownership.leftovers import dead_records
from flink_testbed.ownership.session_record import BROKERS, CLUSTER, JOBS, SOCKETS, TOPICS
from pytest_flink_agents.cli.sweep import look
from pytest_flink_agents.cli.sweep.leftover import Leftover


def sweep(
    *,
    dry_run: bool,
    as_json: bool,
    rest_url: str = "",
    bootstrap: str = "",
    kafka_properties: Path | None = None,
    kept: bool = False,
    unused_days: float | None = None,
) -> tuple[int, str]:
    """Return exit code and text: 0, or 1 if a leftover could not be removed.

    With ``kept`` the clusters and brokers that --flink-keep detached are removed too. Jobs and topics
    on external clusters are looked for only at the given addresses. With ``unused_days`` the cache entries are removed that
    no process used for so long.
    """
    lines: list[dict[str, str]] = []
    local = [*look.processes(), *look.partial_entries(), *look.detached(living=kept)]
    _sweep(local, lines, dry_run=dry_run)
    if unused_days is not None:
        _sweep(look.unused_entries(unused_days), lines, dry_run=dry_run)
    _sweep(look.containers(), lines, dry_run=dry_run)
    for record in dead_records():
        failed = _sweep(look.directories(record), lines, dry_run=dry_run)
        left = record
        for kind in () if failed else (SOCKETS, CLUSTER, BROKERS):
            for name in record.named(kind):
                left = left.without(kind, name)
        if rest_url and not _sweep(look.jobs(record, rest_url), lines, dry_run=dry_run):
            left = left.without(JOBS, rest_url.rstrip("/"))
        if bootstrap and not _sweep(look.topics(record, bootstrap, kafka_properties), lines, dry_run=dry_run):
            left = left.without(TOPICS, bootstrap)
        if not dry_run:
            left.write()
    failed = any(line["outcome"].startswith("cannot") for line in lines)
    return int(failed), json.dumps({"dry_run": dry_run, "left": lines}, indent=2) if as_json else _text(lines)


def _sweep(leftovers: Iterable[Leftover], lines: list[dict[str, str]], *, dry_run: bool) -> bool:
    """Remove the leftovers and add a line for each; return True if one could not be removed."""
    failed = False
    for leftover in leftovers:
        outcome = "would be removed" if dry_run else "removed"
        if not dry_run:
            try:
                leftover.remove()
            except (OSError, HostError, psutil.Error) as error:
                outcome, failed = f"cannot be removed: {str(error).partition(chr(10))[0]}", True
        lines.append({"kind": leftover.kind, "name": leftover.name, "why": leftover.why, "outcome": outcome})
    return failed


def _text(lines: list[dict[str, str]]) -> str:
    shown = [f"{line['outcome']}: {line['kind']} {line['name']} ({line['why']})" for line in lines]
    return "\n".join(shown) if shown else "no session has left anything"
