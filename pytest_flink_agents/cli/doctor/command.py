"""The ``doctor`` command: gather facts, judge them, and print lines or JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.versions import AGENTS_LINES, FLINK_LINES, resolve_flink
from pytest_flink_agents.cli.doctor.check import FAIL, Check
from pytest_flink_agents.cli.doctor.judge import judge
from pytest_flink_agents.cli.doctor.probe import gather
from pytest_flink_agents.redact import Redactor


def doctor(flink_versions: str, job_python: Path | None, *, as_json: bool) -> tuple[int, str]:
    """Return the exit code (1 if a check fails) and the text to print.

    Raises :class:`HostError` FA410 for an unsupported Flink version.

    ``flink_versions`` is comma separated, such as ``2.2,1.20.5``.
    """
    words = [word.strip() for word in flink_versions.split(",") if word.strip()] or [flink_versions]
    releases = tuple(dict.fromkeys(resolve_flink(word) for word in words))
    redact = Redactor(os.environ).text
    checks = [
        dataclasses.replace(check, seen=redact(check.seen), next_step=redact(check.next_step))
        for check in judge(gather(releases, job_python))
    ]
    failed = any(check.status == FAIL for check in checks)
    return int(failed), as_document(checks) if as_json else as_lines(checks)


def as_document(checks: Sequence[Check]) -> str:
    """Return JSON with ``ok``, ``checks`` and ``support``, the support table."""
    document = {
        "ok": all(check.status != FAIL for check in checks),
        "checks": [dataclasses.asdict(check) for check in checks],
        "support": support_table(),
    }
    return json.dumps(document, indent=2)


def as_lines(checks: Sequence[Check]) -> str:
    """Return a line for each check, the support table, and the number of checks by status."""
    width = max((len(check.name) for check in checks), default=0)
    lines = [_line(check, width) for check in checks]
    rows = [("Flink", "newest", "Python", "Java", "flink-agents")]
    rows += [
        (
            row["flink"],
            row["newest"],
            ", ".join(row["python"]),
            ", ".join(map(str, row["java"])),
            ", ".join(row["flink_agents"]),
        )
        for row in support_table()
    ]
    lines += [
        "",
        *(f"{flink:<7} {newest:<7} {python:<17} {java:<7} {agents}" for flink, newest, python, java, agents in rows),
    ]
    counts = Counter(check.status for check in checks)
    return "\n".join([*lines, "", ", ".join(f"{count} {status}" for status, count in counts.items())])


def support_table() -> list[dict[str, Any]]:
    """Return the Python, Java and flink-agents that go with each line of Flink."""
    return [
        {
            "flink": line.minor,
            "newest": line.newest,
            "python": list(line.pythons),
            "java": list(line.javas),
            "flink_agents": [
                f"{agents.minor} ({' or '.join(agents.engines)})"
                for agents in AGENTS_LINES
                if line.minor in agents.flinks
            ],
        }
        for line in FLINK_LINES
    ]


def _line(check: Check, width: int) -> str:
    text = f"{check.status:<11}  {check.name:<{width}}  {check.seen}"
    return " ".join((f"{text}  next: {check.next_step}" if check.next_step else text).splitlines())
