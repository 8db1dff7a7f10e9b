"""The ``doctor`` command: gather facts, judge them, and print lines or JSON."""

from __future__ import annotations

import dataclasses
import json
import os
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flink_testbed.artifacts.versions import AGENTS_LINES, FLINK_LINES, FlinkLine, resolve_flink
from pytest_flink_agents.cli.doctor.check import FAIL, Check
from pytest_flink_agents.cli.doctor.judge import judge
from pytest_flink_agents.cli.doctor.probe import gather
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.vocabulary import Engine

# Columns of a terminal, and of a check's status.
_WIDTH, _STATUS = 80, 13
_ENGINES = (Engine.BUNDLED.value, Engine.UPSTREAM.value)


def doctor(
    flink_versions: str, job_python: Path | None, *, as_json: bool, load_bridge: bool = False
) -> tuple[int, str]:
    """Return the exit code (1 if a check fails) and the text to print.

    Raises :class:`HostError` FA410 for an unsupported Flink version.

    ``flink_versions`` is comma separated, such as ``2.2,1.20.5``. With ``load_bridge`` a JVM loads pemja.
    """
    words = [word.strip() for word in flink_versions.split(",") if word.strip()] or [flink_versions]
    releases = tuple(dict.fromkeys(resolve_flink(word) for word in words))
    redact = Redactor(os.environ).text
    checks = [
        dataclasses.replace(check, seen=redact(check.seen), next_step=redact(check.next_step))
        for check in judge(gather(releases, job_python, load=load_bridge))
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
    """Return each check, the support table, and the number of checks by status, in lines of at most 80 columns.

    A path or a command that is longer stays whole.
    """
    lines = [line for check in checks for line in _lines(check)]
    rows = [("Flink", "newest", "Python", "Java", *(f"flink-agents {engine}" for engine in _ENGINES))]
    rows += [
        (
            line.minor,
            line.newest,
            ", ".join(line.pythons),
            ", ".join(map(str, line.javas)),
            *(", ".join(_agents(line, engine)) for engine in _ENGINES),
        )
        for line in FLINK_LINES
    ]
    lines.append("")
    for flink, newest, python, java, bundled, upstream in rows:
        lines.append(f"{flink:<5} {newest:<6} {python:<16} {java:<6} {bundled:<20} {upstream}")
    counts = Counter(check.status for check in checks)
    return "\n".join([*lines, "", ", ".join(f"{count} {status}" for status, count in counts.items())])


def _agents(flink: FlinkLine, engine: str) -> list[str]:
    """Return the lines of flink-agents that an engine executes on a line of Flink."""
    return [agents.minor for agents in AGENTS_LINES if flink.minor in agents.flinks and engine in agents.engines]


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


def _lines(check: Check) -> list[str]:
    """Return status, name and value, and the next step below."""
    indent = " " * _STATUS
    texts = [f"{check.status:<{_STATUS}}{check.name}: {check.seen}"]
    texts += [f"{indent}next: {check.next_step}"] if check.next_step else []
    return [
        line
        for text in texts
        for line in textwrap.wrap(
            text, _WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, drop_whitespace=True
        )
    ]
