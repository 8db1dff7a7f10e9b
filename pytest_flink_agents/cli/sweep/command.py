"""``flink-agents-gate sweep``: what is left is listed and removed, each thing on a line."""

from __future__ import annotations

import json
from collections.abc import Iterable

import psutil

from flink_testbed.core.problem import HostError
from flink_testbed.ownership.session_record import BROKERS, CLUSTER, JOBS, SOCKETS, TOPICS
from pytest_flink_agents.cli.sweep import look
from pytest_flink_agents.cli.sweep.leftover import Leftover


def sweep(
    *, dry_run: bool, as_json: bool, rest_url: str = "", bootstrap: str = "", kept: bool = False
) -> tuple[int, str]:
    """Exit code and text: 0, or 1 where something that is left could not be removed.

    With ``kept`` also clusters and brokers that --flink-keep has left. Jobs and topics on clusters of others are looked for
    only at the addresses that are given.
    """
    told: list[dict[str, str]] = []
    local = [*look.processes(), *look.partial_entries(), *look.left_running(living=kept)]
    _sweep(local, told, dry_run=dry_run)
    _sweep(look.containers(), told, dry_run=dry_run)
    for record in look.dead_records():
        failed = _sweep(look.directories(record), told, dry_run=dry_run)
        left = record
        for kind in () if failed else (SOCKETS, CLUSTER, BROKERS):
            for name in record.named(kind):
                left = left.without(kind, name)
        if rest_url and not _sweep(look.jobs(record, rest_url), told, dry_run=dry_run):
            left = left.without(JOBS, rest_url.rstrip("/"))
        if bootstrap and not _sweep(look.topics(record, bootstrap), told, dry_run=dry_run):
            left = left.without(TOPICS, bootstrap)
        if not dry_run:
            left.write()
    failed = any(line["outcome"].startswith("cannot") for line in told)
    return int(failed), json.dumps({"dry_run": dry_run, "left": told}, indent=2) if as_json else _text(told)


def _sweep(leftovers: Iterable[Leftover], told: list[dict[str, str]], *, dry_run: bool) -> bool:
    """Remove them, and tell each; returns whether one could not be removed."""
    failed = False
    for leftover in leftovers:
        outcome = "would be removed" if dry_run else "removed"
        if not dry_run:
            try:
                leftover.remove()
            except (OSError, HostError, psutil.Error) as error:
                outcome, failed = f"cannot be removed: {str(error).partition(chr(10))[0]}", True
        told.append({"kind": leftover.kind, "name": leftover.name, "why": leftover.why, "outcome": outcome})
    return failed


def _text(told: list[dict[str, str]]) -> str:
    lines = [f"{line['outcome']}: {line['kind']} {line['name']} ({line['why']})" for line in told]
    return "\n".join(lines) if lines else "nothing is left of any session"
