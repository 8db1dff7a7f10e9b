"""The ``lint`` command: check each file, and print lines or JSON."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_flink_agents.cli.lint.targets import Kind, Target, targets
from pytest_flink_agents.redact import Redactor
from pytest_flink_agents.scenario.configuration.file import configuration_findings
from pytest_flink_agents.scenario.configuration.finding import ERROR, Finding, finding_of
from pytest_flink_agents.vocabulary import counted


@dataclass(frozen=True, slots=True)
class Linted:
    """One file with its findings, in the order of its lines."""

    target: Target
    findings: tuple[Finding, ...]


def lint(paths: Sequence[Path], *, as_json: bool) -> tuple[int, str]:
    """Return the exit code, 1 if there is an error, and the text to print.

    Raises ``HostError`` FA460 for a path that does not exist, and FA421 for an ini file with an invalid value.
    """
    redactor = Redactor(os.environ)
    linted = [_masked(each, redactor) for each in linted_files(paths)]
    failed = any(finding.severity == ERROR for each in linted for finding in each.findings)
    return int(failed), as_document(linted) if as_json else as_lines(linted)


def linted_files(paths: Sequence[Path]) -> list[Linted]:
    """Return the files at and below the paths with their findings."""
    found = targets(paths)
    scenarios = [target for target in found if target.kind is Kind.SCENARIO]
    by_path: Mapping[Path, Sequence[Finding]] = {}
    if scenarios:
        # Reading the project takes half a second, which a configuration alone need not wait for.
        from pytest_flink_agents.cli.lint.scenarios import scenario_findings

        by_path = scenario_findings(paths, scenarios)
    return [
        Linted(target, tuple(by_path[target.path] if target.path in by_path else _findings(target))) for target in found
    ]


def _findings(target: Target) -> Sequence[Finding]:
    if target.kind is Kind.CONFIGURATION:
        return configuration_findings(target.path, os.environ)
    # Imported here: a configuration alone need not wait for the language of policies.
    from pytest_flink_agents.policy.load import PolicyError, load_policy

    try:
        load_policy(target.path, target.path.parent)
    except PolicyError as error:
        return [finding_of(problem, ERROR) for problem in error.problems]
    return ()


def as_lines(linted: Sequence[Linted]) -> str:
    """Return a paragraph for each finding, and the number of errors and warnings."""
    lines = []
    for each in linted:
        for finding in each.findings:
            place = f"{finding.file or each.target.path}:{finding.line}:{finding.column}"
            lines.append(f"{place}: {finding.severity}: {finding.code}: {finding.message}")
            more = (("expected", finding.expected), ("seen", finding.seen), ("next", finding.next_step))
            lines += [f"  {label + ':':<9} {text}" for label, text in more if text]
    findings = [finding for each in linted for finding in each.findings]
    errors = sum(finding.severity == ERROR for finding in findings)
    files = counted(len(linted), "file")
    return "\n".join([*lines, f"{files}: {counted(errors, 'error')}, {counted(len(findings) - errors, 'warning')}"])


def as_document(linted: Sequence[Linted]) -> str:
    """Return JSON: ``ok``, and ``files``, each with ``file``, ``kind`` and ``findings``."""
    files = [
        {
            "file": str(each.target.path),
            "kind": each.target.kind.value,
            "findings": [dataclasses.asdict(finding) for finding in each.findings],
        }
        for each in linted
    ]
    ok = all(finding.severity != ERROR for each in linted for finding in each.findings)
    return json.dumps({"ok": ok, "files": files}, indent=2)


def _masked(linted: Linted, redactor: Redactor) -> Linted:
    findings = (
        dataclasses.replace(
            finding,
            message=redactor.text(finding.message),
            expected=redactor.text(finding.expected),
            seen=redactor.text(finding.seen),
            next_step=redactor.text(finding.next_step),
        )
        for finding in linted.findings
    )
    return dataclasses.replace(linted, findings=tuple(findings))
