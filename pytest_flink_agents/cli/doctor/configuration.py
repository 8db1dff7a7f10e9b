"""The directory in FLINK_CONF_DIR as flink-agents reads it, which differs from what one may expect.

Pure: files are values.

flink-agents reads the mapping below ``agent:`` of one file in that *directory*. The findings in a file, and about its
name, are the linter's.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_flink_agents.cli.doctor.check import OK, WARN, Check
from pytest_flink_agents.scenario.configuration import CURRENT, LEGACY, NOT_READ
from pytest_flink_agents.scenario.configuration.finding import Finding

NAME = "FLINK_CONF_DIR"
_SHOWN_FINDINGS = 3


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """One file and the linter's findings in it."""

    name: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class ConfigurationDirectory:
    """The path in FLINK_CONF_DIR and its kind: ``directory``, ``file`` or ``missing``.

    ``files`` are those of the two configuration files that exist.
    """

    path: str
    kind: str
    files: tuple[ConfigurationFile, ...] = ()


def judge_configuration(found: ConfigurationDirectory | None) -> list[Check]:
    """Return the checks of the directory and of each file.

    Whatever flink-agents ignores or refuses is a warning.
    """
    if found is None:
        return [Check(OK, NAME, "not set: flink-agents reads no configuration file")]
    if found.kind == "file":
        seen = f"{found.path} is a file, as in upstream's example: nothing is read"
        return [Check(WARN, NAME, seen, "set it to the directory that holds config.yaml")]
    if found.kind == "missing":
        return [Check(WARN, NAME, f"{found.path} does not exist: nothing is read", "correct it, or unset it")]
    return [_names(found), *(_content(found.path, file) for file in found.files)]


def _names(found: ConfigurationDirectory) -> Check:
    names = " and ".join(file.name for file in found.files)
    if not names:
        seen = f"{found.path} holds neither {CURRENT} nor {LEGACY}: nothing is read"
        return Check(WARN, NAME, seen, f"write a {CURRENT} there, or unset it")
    misplaced = next((finding for file in found.files for finding in file.findings if finding.code == NOT_READ), None)
    if misplaced is None:
        return Check(OK, NAME, f"{found.path} holds {names} (scenarios read it with --flink-conf-dir)")
    return Check(WARN, NAME, f"{found.path} holds {names}: {misplaced.message}", misplaced.next_step)


def _content(directory: str, file: ConfigurationFile) -> Check:
    name = f"content of {file.name}"
    findings = [finding for finding in file.findings if finding.code != NOT_READ]
    if not findings:
        return Check(OK, name, "nothing in it is ignored or misread")
    seen = "; ".join(map(_in_words, findings[:_SHOWN_FINDINGS]))
    more = len(findings) - _SHOWN_FINDINGS
    return Check(
        WARN, name, seen + (f"; and {more} more" if more > 0 else ""), f"flink-agents-gate lint {directory}/{file.name}"
    )


def _in_words(finding: Finding) -> str:
    return f"line {finding.line}: {finding.code}: {finding.message}"
